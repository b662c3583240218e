// Answers for files that come one after the other on standard input, each behind its size in four
// little-endian bytes: one line with what decode_image makes of it. For tests that compare many
// thousands of files with another library. What the answer says about time and memory is without
// the reading of the file.
#include <zlib.h>

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

std::string outcome_of(const std::vector<std::uint8_t>& file,
                       const llm2clip::ReadOptions& options) {
  try {
    return describe(llm2clip::decode_image(file, "file", options));
  } catch (const llm2clip::Error& error) {
    const bool refused = error.kind() == llm2clip::ErrorKind::unreadable_input;
    return (refused ? "refused\t-\t" : "failed\t-\t") + std::string(error.what());
  }
}

}  // namespace

int main(int argc, char** argv) {
  llm2clip::ReadOptions options;
  options.keep_mode = argc > 1 && std::strcmp(argv[1], "--keep-mode") == 0;
  while (const auto file = next_file()) {
    reset_peak();
    const long before = peak_kib();
    const long long start = cpu_microseconds();
    const std::string outcome = outcome_of(*file, options);
    const long long elapsed = cpu_microseconds() - start;
    std::cout << outcome << '\t' << elapsed << '\t' << peak_kib() - before << std::endl;
  }
  return 0;
}
