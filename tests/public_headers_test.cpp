// Each public header compiles alone: tests/CMakeLists.txt compiles one file per header.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "llm2clip/llm2clip.h"
#include "support/catch.h"

TEST_CASE("llm2clip.h includes every public header but those that need LibTorch or OpenCV",
          "[public_headers]") {
  std::ifstream file("include/llm2clip/llm2clip.h");
  const std::string all{std::istreambuf_iterator<char>(file), {}};
  for (const auto& entry : std::filesystem::directory_iterator("include/llm2clip")) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_regular_file() || name == "llm2clip.h") continue;
    INFO(name);
    const bool included = all.find("\"llm2clip/" + name + "\"") != std::string::npos;
    CHECK(included == (name != "torch.h" && name != "opencv.h"));
  }
}

TEST_CASE("the headers say the version of the build", "[public_headers]") {
  CHECK(std::string(llm2clip::kVersion) == LLM2CLIP_PROJECT_VERSION);
}
