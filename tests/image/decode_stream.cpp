// Answers for files that come one after the other on standard input, each behind its size in four
// little-endian bytes: one line with what decode_image makes of it. For tests that compare many
// thousands of files with another library. What the answer says about time and memory is without
// the reading of the file. With --reserve it resizes the image as well, and the answer has three
// more numbers: what ReadOptions::reserve was told beyond the file, in KiB, the peak until then,
// and how often it was called.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "llm2clip/error.h"
#include "llm2clip/image.h"
#include "llm2clip/preprocess.h"

namespace {

using llm2clip::Image;

// Pillow's names, in the order of ImageMode.
constexpr std::array kModes = {"1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"};

bool read_exactly(void* target, std::size_t size) {
  return std::fread(target, 1, size, stdin) == size;
}

std::optional<std::vector<std::uint8_t>> next_file() {
  std::array<std::uint8_t, 4> size{};
  if (!read_exactly(size.data(), size.size())) return std::nullopt;
  std::vector<std::uint8_t> bytes(size[0] | size[1] << 8 | size[2] << 16 |
                                  static_cast<std::size_t>(size[3]) << 24);
  if (!read_exactly(bytes.data(), bytes.size())) return std::nullopt;
  return bytes;
}

long long cpu_microseconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * 1'000'000LL + now.tv_nsec / 1'000;
}

// The largest resident size since reset_peak, in KiB; -1 where the system does not say.
long peak_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stol(line.substr(6));
  }
  return -1;
}

void reset_peak() { std::ofstream("/proc/self/clear_refs") << 5; }

std::string describe(const Image& image) {
  const auto sum = crc32(0, image.pixels.data(), static_cast<uInt>(image.pixels.size()));
  return "read\t" + std::to_string(image.width) + "x" + std::to_string(image.height) + " " +
         kModes[static_cast<std::size_t>(image.mode)] + "\t" + std::to_string(sum);
}

// What ReadOptions::reserve saw.
struct Reserved {
  std::uint64_t bytes = 0;
  long peak_before = 0;
  int calls = 0;
};

std::string outcome_of(const std::vector<std::uint8_t>& file,
                       const llm2clip::ReadOptions& options) {
  try {
    const Image image = llm2clip::decode_image(file, "file", options);
    if (options.reserve) {
      const auto order = options.keep_mode ? llm2clip::PreprocessOrder::torchvision
                                           : llm2clip::PreprocessOrder::hf;
      llm2clip::resize_and_crop(image, {.image_size = 32, .order = order});
    }
    return describe(image);
  } catch (const llm2clip::Error& error) {
    const bool refused = error.kind() == llm2clip::ErrorKind::unreadable_input;
    return (refused ? "refused\t-\t" : "failed\t-\t") + std::string(error.what());
  }
}

}  // namespace

int main(int argc, char** argv) {
  llm2clip::ReadOptions options;
  const auto given = [&](const char* flag) {
    return std::any_of(argv + 1, argv + argc,
                       [&](const char* argument) { return std::strcmp(argument, flag) == 0; });
  };
  options.keep_mode = given("--keep-mode");
  options.apply_orientation = given("--exif");
  const bool reserve = given("--reserve");
  while (const auto file = next_file()) {
    reset_peak();
    const long before = peak_kib();
    Reserved reserved;
    if (reserve) {
      options.reserve = [&](std::uint64_t bytes) {
        reserved = {bytes - file->size(), peak_kib() - before, reserved.calls + 1};
      };
    }
    const long long start = cpu_microseconds();
    const std::string outcome = outcome_of(*file, options);
    const long long elapsed = cpu_microseconds() - start;
    std::cout << outcome << '\t' << elapsed << '\t' << peak_kib() - before;
    if (reserve) {
      std::cout << '\t' << reserved.bytes / 1024 << '\t' << reserved.peak_before << '\t'
                << reserved.calls;
    }
    std::cout << std::endl;
  }
  return 0;
}
