// make_tiny_model DIR: writes the model directory that the tests in C use, anew.
#include <filesystem>

#include "support/tiny_model.h"

int main(int count, char** arguments) {
  if (count != 2) return 2;
  std::filesystem::remove_all(arguments[1]);
  std::filesystem::create_directories(arguments[1]);
  llm2clip::testing::write_tiny_model(arguments[1]);
}
