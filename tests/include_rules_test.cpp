// Who may include what (docs/architecture.md). Distributions put every library's headers on
// everyone's path, so the compiler cannot see a breach; this reads the sources instead.

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "support/catch.h"

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> sources_under(const fs::path& folder) {
  std::vector<fs::path> sources;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const auto ending = entry.path().extension();
    if (ending == ".h" || ending == ".cpp") sources.push_back(entry.path());
  }
  return sources;
}

std::vector<std::string> includes_of(const fs::path& source) {
  static const std::regex kInclude(R"(^\s*#\s*include\s*[<"]([^>"]+)[>"])");
  std::vector<std::string> includes;
  std::ifstream file(source);
  std::string line;
  while (std::getline(file, line)) {
    std::smatch match;
    if (std::regex_search(line, match, kInclude)) includes.push_back(match[1]);
  }
  return includes;
}

bool starts_with_any(const std::string& text, std::initializer_list<const char*> starts) {
  for (const char* start : starts) {
    if (text.starts_with(start)) return true;
  }
  return false;
}

bool is_torch(const std::string& i) {
  return starts_with_any(i, {"torch/", "ATen/", "c10/", "caffe2/"});
}
bool is_opencv_or_codec(const std::string& i) {
  return starts_with_any(
      i, {"opencv2/", "jpeglib.h", "jerror.h", "png.h", "tiff", "gif_lib.h", "webp/"});
}
bool is_tokenizer_library(const std::string& i) {
  return starts_with_any(i, {"sentencepiece", "pcre2"});
}
bool is_json(const std::string& i) { return i.starts_with("nlohmann/"); }
bool is_ours(const std::string& i, const char* folder) { return i.starts_with(folder); }

// Fails for every include of a source under `folder` that `forbidden` names.
void check_folder(const fs::path& folder, bool (*forbidden)(const std::string&)) {
  for (const fs::path& source : sources_under(folder)) {
    for (const std::string& include : includes_of(source)) {
      INFO(source.string() << " includes " << include);
      CHECK_FALSE(forbidden(include));
    }
  }
}

}  // namespace

TEST_CASE("public headers include the standard library and each other only", "[include_rules]") {
  for (const auto& entry : fs::directory_iterator("include/llm2clip")) {
    if (!entry.is_regular_file()) continue;
    const bool torch = entry.path().filename() == "torch.h";
    for (const std::string& include : includes_of(entry.path())) {
      INFO(entry.path().string() << " includes " << include);
      const bool standard = include.find('.') == std::string::npos;
      CHECK((standard || include.starts_with("llm2clip/") ||
             (torch && include == "ATen/core/Tensor.h")));
      // Whoever includes this one gets LibTorch, so no other header may.
      CHECK(include != "llm2clip/torch.h");
    }
  }
}

TEST_CASE("the C header needs three headers of C99 alone", "[include_rules]") {
  CHECK(includes_of("include/llm2clip/c/llm2clip.h") ==
        std::vector<std::string>{"stdbool.h", "stddef.h", "stdint.h"});
}

TEST_CASE("the C interface is written against the public headers", "[include_rules]") {
  check_folder("src/c", [](const std::string& i) {
    return is_torch(i) || is_opencv_or_codec(i) || is_tokenizer_library(i) ||
           i == "llm2clip/torch.h" ||
           starts_with_any(i, {"encoder/", "image/", "text/", "store/", "manifest.h",
                               "model_impl.h", "file_hash.h"});
  });
}

TEST_CASE("each folder of src owns one foreign library", "[include_rules]") {
  check_folder("src/image", [](const std::string& i) {
    return is_torch(i) || is_tokenizer_library(i) || is_json(i);
  });
  check_folder("src/text",
               [](const std::string& i) { return is_torch(i) || is_opencv_or_codec(i); });
  check_folder("src/encoder", [](const std::string& i) {
    return is_opencv_or_codec(i) || is_tokenizer_library(i) || is_json(i);
  });
  check_folder("src/store", [](const std::string& i) {
    return is_torch(i) || is_opencv_or_codec(i) || is_tokenizer_library(i);
  });
}

TEST_CASE("folders of src point one way", "[include_rules]") {
  const auto points_up = [](const std::string& i) {
    return is_ours(i, "encoder/") || is_ours(i, "model_impl.h") || is_ours(i, "manifest.h");
  };
  check_folder("src/image", points_up);
  check_folder("src/text", points_up);
  check_folder("src/store", points_up);
  check_folder("src/image", [](const std::string& i) { return is_ours(i, "text/"); });
  check_folder("src/text", [](const std::string& i) { return is_ours(i, "image/"); });
  check_folder("src/encoder", [](const std::string& i) {
    return is_ours(i, "store/") || is_ours(i, "model_impl.h") || is_ours(i, "manifest.h");
  });
}

TEST_CASE("the files beside the folders name no foreign library but JSON, OpenSSL and at::Tensor",
          "[include_rules]") {
  for (const auto& entry : fs::directory_iterator("src")) {
    if (!entry.is_regular_file()) continue;
    for (const std::string& include : includes_of(entry.path())) {
      INFO(entry.path().string() << " includes " << include);
      CHECK_FALSE(is_opencv_or_codec(include));
      CHECK_FALSE(is_tokenizer_library(include));
      CHECK_FALSE((is_torch(include) && include != "ATen/core/Tensor.h"));
    }
  }
}

TEST_CASE("the command line is written against the public headers", "[include_rules]") {
  check_folder("tools/llm2clip", [](const std::string& i) {
    return is_torch(i) || is_opencv_or_codec(i) || is_tokenizer_library(i) ||
           starts_with_any(i, {"encoder/", "image/", "text/", "store/", "manifest.h", "check.h"});
  });
}

TEST_CASE("archives are read in one folder", "[include_rules]") {
  for (const char* folder : {"include", "src", "tools/llm2clip"}) {
    for (const fs::path& source : sources_under(folder)) {
      if (source.parent_path() == "tools/llm2clip/inputs") continue;
      for (const std::string& include : includes_of(source)) {
        INFO(source.string() << " includes " << include);
        CHECK_FALSE(include.starts_with("archive"));
      }
    }
  }
}

TEST_CASE("torch/script.h, which is slow to compile, is included once", "[include_rules]") {
  std::set<std::string> includers;
  for (const fs::path& source : sources_under("src")) {
    for (const std::string& include : includes_of(source)) {
      if (include == "torch/script.h" || include == "torch/torch.h")
        includers.insert(source.string());
    }
  }
  CHECK(includers == std::set<std::string>{"src/encoder/torch_module.cpp"});
}
