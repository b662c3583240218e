// Who may include what (docs/architecture.md). Distributions put every library's headers on
// everyone's path, so the compiler cannot see a breach; this reads the sources instead.

#include <algorithm>
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
  if (!fs::is_directory(folder)) return sources;
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
bool is_tensor_header(const std::string& i) { return i == "ATen/core/Tensor.h"; }
bool is_opencv(const std::string& i) { return i.starts_with("opencv2/"); }
bool is_codec(const std::string& i) {
  return starts_with_any(i, {"jpeglib.h", "jerror.h", "png.h", "tiff", "gif_lib.h", "webp/"});
}
bool is_vectors(const std::string& i) { return i.starts_with("hwy/"); }
bool is_tokenizer_library(const std::string& i) {
  return starts_with_any(i, {"sentencepiece", "pcre2"});
}
bool is_json(const std::string& i) { return i.starts_with("nlohmann/"); }
bool is_hash(const std::string& i) { return i.starts_with("openssl/"); }
bool is_archive_reader(const std::string& i) { return i.starts_with("archive"); }
bool is_film_library(const std::string& i) { return starts_with_any(i, {"libav", "libsw"}); }
bool is_arrow(const std::string& i) { return starts_with_any(i, {"arrow/", "parquet/"}); }
bool is_graph(const std::string& i) { return i.starts_with("usearch/"); }
bool is_foreign(const std::string& i) {
  return is_torch(i) || is_opencv(i) || is_codec(i) || is_tokenizer_library(i) || is_json(i) ||
         is_hash(i) || is_archive_reader(i) || is_film_library(i) || is_vectors(i) || is_arrow(i) ||
         is_graph(i);
}

// A folder of src, the folders below it, and the foreign headers that are its own.
struct Storey {
  const char* name;
  std::vector<std::string> below;
  std::vector<bool (*)(const std::string&)> owns;
};

const std::vector<Storey>& storeys() {
  static const std::vector<Storey> all = {
      {"base", {}, {is_json, is_hash}},
      {"image", {"base"}, {is_codec, is_vectors}},
      {"film", {"base", "image"}, {is_film_library}},
      {"text", {"base"}, {is_tokenizer_library, is_json}},
      {"encoder", {"base", "text"}, {is_torch}},
      {"store", {"base"}, {is_json, is_arrow}},
      {"index", {"base", "store"}, {is_json, is_graph}},
      {"model", {"base", "image", "text", "encoder", "store"}, {is_json, is_tensor_header}},
      {"embed", {"base", "image", "text", "model", "store", "index"}, {}},
      {"c", {}, {}},
  };
  return all;
}

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
    const auto name = entry.path().filename();
    for (const std::string& include : includes_of(entry.path())) {
      INFO(entry.path().string() << " includes " << include);
      const bool standard = include.find('.') == std::string::npos;
      CHECK((standard || include.starts_with("llm2clip/") ||
             (name == "torch.h" && include == "ATen/core/Tensor.h") ||
             (name == "opencv.h" && include == "opencv2/core.hpp")));
      // These bring LibTorch or OpenCV to a program, so no other header may include them.
      CHECK(include != "llm2clip/torch.h");
      CHECK(include != "llm2clip/opencv.h");
    }
  }
}

TEST_CASE("the C header needs three headers of C99 alone", "[include_rules]") {
  CHECK(includes_of("include/llm2clip/c/llm2clip.h") ==
        std::vector<std::string>{"stdbool.h", "stddef.h", "stdint.h"});
}

TEST_CASE("each folder of src includes itself, those below it, and its own foreign library",
          "[include_rules]") {
  for (const Storey& storey : storeys()) {
    const fs::path folder = fs::path("src") / storey.name;
    for (const fs::path& source : sources_under(folder)) {
      for (const std::string& include : includes_of(source)) {
        INFO(source.string() << " includes " << include);
        if (is_foreign(include)) {
          CHECK(std::any_of(storey.owns.begin(), storey.owns.end(),
                            [&](const auto& owned) { return owned(include); }));
          continue;
        }
        const std::string room = include.substr(0, include.find('/'));
        const bool ours = include.find('/') != std::string::npos && fs::is_directory("src/" + room);
        if (!ours || room == storey.name) continue;
        CHECK(std::find(storey.below.begin(), storey.below.end(), room) != storey.below.end());
      }
    }
  }
}

TEST_CASE("every folder of src is a storey, and no source lies beside them", "[include_rules]") {
  std::set<std::string> folders, files;
  for (const auto& entry : fs::directory_iterator("src")) {
    (entry.is_directory() ? folders : files).insert(entry.path().filename());
  }
  CHECK(files == std::set<std::string>{"CMakeLists.txt", "exports.map"});
  std::set<std::string> known;
  for (const Storey& storey : storeys()) {
    if (fs::is_directory(fs::path("src") / storey.name)) known.insert(storey.name);
  }
  CHECK(folders == known);
}

TEST_CASE("the command line and the C interface are written against the public headers",
          "[include_rules]") {
  const auto is_internal = [](const std::string& i) {
    return i == "llm2clip/torch.h" || i == "llm2clip/opencv.h" || is_torch(i) || is_opencv(i) ||
           is_codec(i) || is_tokenizer_library(i) || is_film_library(i) ||
           starts_with_any(i, {"base/", "image/", "film/", "text/", "encoder/", "store/", "index/",
                               "model/", "embed/"});
  };
  check_folder("src/c", is_internal);
  check_folder("tools/llm2clip", is_internal);
}

TEST_CASE("archives are read in one folder", "[include_rules]") {
  for (const char* folder : {"include", "src", "tools/llm2clip"}) {
    for (const fs::path& source : sources_under(folder)) {
      if (source.parent_path() == "tools/llm2clip/inputs") continue;
      for (const std::string& include : includes_of(source)) {
        INFO(source.string() << " includes " << include);
        CHECK_FALSE(is_archive_reader(include));
      }
    }
  }
}

TEST_CASE("HTTP is spoken in the server alone", "[include_rules]") {
  const std::string server = "tools/llm2clip/serve/";
  for (const char* folder : {"include", "src", "tools/llm2clip"}) {
    for (const fs::path& source : sources_under(folder)) {
      if (source.string().starts_with(server)) continue;
      for (const std::string& include : includes_of(source)) {
        INFO(source.string() << " includes " << include);
        CHECK_FALSE(include.starts_with("boost/"));
      }
    }
  }
  // What the fuzzer links knows neither sockets nor a model.
  check_folder(server + "api", [](const std::string& i) {
    const bool sockets = i.starts_with("boost/") && !i.starts_with("boost/json/");
    return sockets || i == "llm2clip/model.h" || i.starts_with("serve/http/");
  });
}

TEST_CASE("Parquet is written in the module that is loaded for it", "[include_rules]") {
  for (const fs::path& source : sources_under("src/store")) {
    const bool in_module = source.parent_path() == "src/store/parquet/module";
    for (const std::string& include : includes_of(source)) {
      INFO(source.string() << " includes " << include);
      if (!in_module) CHECK_FALSE(is_arrow(include));
      // It is linked with nothing of ours.
      if (in_module) CHECK_FALSE(starts_with_any(include, {"base/", "llm2clip/"}));
    }
  }
}

TEST_CASE("graphs of rows are made and searched in one folder", "[include_rules]") {
  for (const fs::path& source : sources_under("src/index")) {
    const bool in_folder = source == "src/index/hnsw/graph.cpp";
    for (const std::string& include : includes_of(source)) {
      INFO(source.string() << " includes " << include);
      if (!in_folder) CHECK_FALSE(is_graph(include));
    }
  }
}

TEST_CASE("films are decoded in the module that is loaded for them", "[include_rules]") {
  for (const fs::path& source : sources_under("src/film")) {
    const bool in_module = source.parent_path() == "src/film/module";
    for (const std::string& include : includes_of(source)) {
      INFO(source.string() << " includes " << include);
      if (!in_module) CHECK_FALSE(is_film_library(include));
      // It is linked with nothing of ours.
      if (in_module) CHECK_FALSE(starts_with_any(include, {"base/", "image/", "llm2clip/"}));
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
