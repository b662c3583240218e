#include "llm2clip/log.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/file_hash.h"
#include "base/sha256.h"
#include "llm2clip/model.h"
#include "support/catch.h"
#include "support/tiny_model.h"

using namespace llm2clip;
using namespace llm2clip::testing;
using Catch::Matchers::Contains;

namespace {

// Listens while it lives.
struct Log {
  std::vector<std::string> lines;
  explicit Log(LogLevel least) {
    set_log_callback(
        [this](LogLevel level, std::string_view message) {
          lines.push_back(std::string(to_string(level)) + ": " + std::string(message));
        },
        least);
  }
  ~Log() { set_log_callback({}); }
};

}  // namespace

TEST_CASE("a load is logged from its begin to its end, part by part", "[log]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  const Log log(LogLevel::info);
  const Model model =
      Model::load(folder.path(), {.device = "cpu", .precision = Precision::bfloat16});
  CHECK(log.lines.front() == "info: loading tiny from " + folder.path().string());
  CHECK_THAT(log.lines[1], Contains("this processor multiplies bfloat16 "));
  CHECK_THAT(log.lines[2], Contains(" for copies of weights, about "));
  const std::string begin =
      "info: vision.pt: float32, computes in bfloat16 on cpu (as asked; this "
      "processor multiplies ";
  CHECK_THAT(log.lines[3], Contains(begin));
  const std::string what = model.vision()->optimized == "prepacked"
                               ? "optimized and prepacked (small weights); loaded in "
                               : "optimized, not prepacked (";
  CHECK_THAT(log.lines[3], Contains("); 0 bytes mapped, 36864 copied; " + what));
  CHECK_THAT(log.lines.back(), Contains("loaded tiny in "));
}

TEST_CASE("a precision that is slow here is warned of, part by part", "[log]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  const Log log(LogLevel::warning);
  const Model model =
      Model::load(folder.path(), {.device = "cpu", .precision = Precision::bfloat16});
  if (!choose_precision(*model.info().vision, {.device = "cpu", .precision = Precision::bfloat16})
           .slow) {
    CHECK(log.lines.empty());
    WARN("skipped: bfloat16 is not slow on this processor");
    return;
  }
  REQUIRE(log.lines.size() == 3);
  CHECK(log.lines[0] ==
        "warning: vision.pt: computes in bfloat16 (as asked; this processor "
        "multiplies bfloat16 slowly)");
}

TEST_CASE("a large file is hashed once and then taken from the record", "[log]") {
  const Scratch folder;
  ::setenv("XDG_CACHE_HOME", folder.path().c_str(), 1);
  const std::filesystem::path file = folder.path() / "large";
  std::ofstream(file).put('x');
  std::filesystem::resize_file(file, 64 << 20);
  const std::string sha256 = sha256_of_file(file);
  const Log log(LogLevel::debug);
  check_sha256(file, sha256, /*always=*/false);
  check_sha256(file, sha256, /*always=*/false);
  check_sha256(file, sha256, /*always=*/true);
  REQUIRE(log.lines.size() == 3);
  CHECK_THAT(log.lines[0], Contains("debug: ") && Contains("large: SHA-256 computed in "));
  CHECK_THAT(log.lines[1], Contains("taken from the record"));
  CHECK_THAT(log.lines[2], Contains("computed"));
}

TEST_CASE("weights that cannot be mapped are warned of", "[log]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  const std::filesystem::path vision = folder.path() / "vision.pt";
  write_module_with_weights_in_a_list(vision);
  edit_manifest(folder.path(), [&](nlohmann::json& manifest) {
    manifest["files"]["vision.pt"] = {{"bytes", std::filesystem::file_size(vision)},
                                      {"sha256", sha256_of_file(vision)}};
  });
  const Log log(LogLevel::warning);
  const Model model =
      Model::load(folder.path(), {.device = "cpu", .text = false, .optimize = Optimize::never});
  REQUIRE(log.lines.size() == 1);
  CHECK_THAT(log.lines[0], Contains("warning: vision.pt: none of its weights could be mapped"));
}

TEST_CASE("what a log callback throws changes nothing", "[log]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  int calls = 0;
  set_log_callback([&](LogLevel, std::string_view) {
    ++calls;
    throw 1;
  });
  CHECK_NOTHROW(Model::load(folder.path(), {.device = "cpu"}));
  set_log_callback({});
  CHECK(calls > 0);
}
