// An exception of the library is caught by its type on the other side of the library's border.
#include <llm2clip/llm2clip.h>

#include <iostream>

int main() {
  try {
    llm2clip::Model::load("no such folder");
  } catch (const llm2clip::Error& error) {
    std::cout << (error.kind() == llm2clip::ErrorKind::bad_model ? "bad_model" : "another kind");
  }
}
