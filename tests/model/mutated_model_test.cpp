// Whatever happens to a file of a model directory on its way, nothing of it reaches LibTorch.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "llm2clip/model.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/tiny_model.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;
using testing::error_of;
using testing::Scratch;
using testing::write_tiny_model;

constexpr int kMutations = 10'000;

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A flipped bit, some wrong bytes, a cut, or bytes more.
std::string mutated(std::string bytes, std::mt19937& random) {
  const auto below = [&](std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(random);
  };
  switch (below(4)) {
    case 0: {
      char& byte = bytes[below(bytes.size())];
      byte = static_cast<char>(byte ^ (1 << below(8)));
      return bytes;
    }
    case 1:
      for (std::size_t i = 0, count = 1 + below(16); i < count; ++i) {
        char& byte = bytes[below(bytes.size())];
        byte = static_cast<char>(byte + 1 + static_cast<int>(i));
      }
      return bytes;
    case 2:
      return bytes.substr(0, below(bytes.size()));
    default:
      return bytes + std::string(1 + below(100), 'x');
  }
}

// What is said before LibTorch has a byte; whatever LibTorch finds is told as "LibTorch: ...".
bool refused_by_us(const std::string& message) {
  for (const char* words : {"SHA-256 is ", " bytes, "}) {
    if (message.find(words) != std::string::npos) return true;
  }
  return false;
}

TEST_CASE("10,000 mutated model directories are refused before LibTorch", "[mutated_model]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  const LoadOptions options = {.device = "cpu",
                               .manifest_sha256 = read_model_info(folder.path()).manifest_sha256};
  std::vector<std::pair<fs::path, std::string>> files;
  for (const char* name :
       {"llm2clip.json", "vision.pt", "text.pt", "adapter.pt", "tokenizer.json"}) {
    files.emplace_back(folder.path() / name, content_of(folder.path() / name));
  }
  std::mt19937 random(20'24);
  for (int i = 0; i < kMutations; ++i) {
    const auto& [path, good] = files[static_cast<std::size_t>(i) % files.size()];
    const std::string bad = mutated(good, random);
    if (bad == good) continue;
    std::ofstream(path, std::ios::binary) << bad;
    const Error error = error_of([&] { Model::load(folder.path(), options); });
    INFO("mutation " << i << " of " << path.filename() << ": " << error.what());
    REQUIRE(error.kind() == ErrorKind::bad_model);
    REQUIRE(std::string(error.what()).starts_with(path.string()));
    REQUIRE(refused_by_us(error.what()));
    std::ofstream(path, std::ios::binary) << good;
  }
  CHECK_NOTHROW(Model::load(folder.path(), options));
}

TEST_CASE("another manifest than the expected one is refused before it is parsed",
          "[mutated_model]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  const std::string expected(64, 'a');
  std::ofstream(folder.path() / "llm2clip.json") << "no JSON at all";
  const Error error = error_of([&] { Model::load(folder.path(), {.manifest_sha256 = expected}); });
  CHECK(error.kind() == ErrorKind::bad_model);
  CHECK(std::string(error.what()).find(", " + expected + " is expected") != std::string::npos);
}

}  // namespace
}  // namespace llm2clip
