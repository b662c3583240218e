// Decodes each file of the arguments again and again, and each time another allocation fails: in
// memory and from the disk; one allocation, or that and all later large ones. Prints a line for
// each outcome that is neither the right image nor Error(out_of_memory), and at the end how many it
// tried; for tests/image/test_decode_memory.py. The first argument is the least number of bytes
// that fail.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "failing_malloc.h"
#include "llm2clip/error.h"
#include "llm2clip/image.h"

namespace {

using llm2clip::Image;
using llm2clip::ReadOptions;
using llm2clip::testing::FailingMalloc;

struct Failures {
  const char* name;
  std::size_t least;
  bool all;
};

// What messages are made of.
constexpr std::size_t kSmallPieces = 512;

struct Outcome {
  bool failed = false;  // an allocation did
  std::optional<Image> image;
  std::string error;
};

template <typename Decode>
Outcome decode_with(std::size_t first, const Failures& failures, const Decode& decode) {
  Outcome outcome;
  const FailingMalloc failing(first, failures.least, failures.all);
  try {
    outcome.image = decode();
  } catch (const llm2clip::Error& error) {
    if (error.kind() != llm2clip::ErrorKind::out_of_memory) outcome.error = error.what();
  }
  outcome.failed = failing.failed();
  return outcome;
}

// How often it was tried: until a decode has fewer allocations.
template <typename Decode>
std::size_t check(const std::string& name, std::size_t least, const Decode& decode) {
  const Image right = decode();
  std::size_t tried = 0;
  for (const Failures& failures : {Failures{"once", least, false},
                                   Failures{"from then on", std::max(least, kSmallPieces), true}}) {
    bool failed = true;
    for (std::size_t first = 0; failed; ++first, ++tried) {
      const Outcome outcome = decode_with(first, failures, decode);
      failed = outcome.failed;
      const bool wrong = outcome.image && outcome.image->pixels != right.pixels;
      if (outcome.error.empty() && !wrong && (failed || outcome.image)) continue;
      std::cout << name << ", allocation " << first << ", " << failures.name << ": "
                << (wrong ? "other pixels" : outcome.error) << '\n';
    }
  }
  return tried;
}

std::size_t check_file(const std::string& name, std::size_t least) {
  const std::filesystem::path path = name;  // made before allocations fail
  std::ifstream stream(path, std::ios::binary);
  const std::vector<std::uint8_t> file{std::istreambuf_iterator<char>(stream),
                                       std::istreambuf_iterator<char>()};
  ReadOptions keep;
  keep.keep_mode = true;
  ReadOptions turned;
  turned.apply_orientation = true;
  std::size_t tried = check(name, least, [&] { return llm2clip::read_image(path); });
  for (const ReadOptions& options : {keep, turned}) {
    tried += check(name, least, [&] { return llm2clip::decode_image(file, name, options); });
  }
  return tried;
}

}  // namespace

int main(int argc, char** argv) {
  if (!llm2clip::testing::can_fail_malloc()) {
    std::cout << "no malloc of its own" << std::endl;
    return 0;
  }
  if (argc < 2) return 2;
  const std::size_t least = std::stoul(argv[1]);
  for (int i = 2; i < argc; ++i) {
    const std::size_t tried = check_file(argv[i], least);
    std::cout << argv[i] << ": " << tried << " tried" << std::endl;
  }
  return 0;
}
