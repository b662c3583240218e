// The targets without a fuzzer: every seed, and small changes of them by a fixed seed, so that each
// build of the tests runs them, the one under AddressSanitizer too. scripts/fuzz looks for new
// ones.
//
//   fuzz_replay TARGET FOLDER CHANGES

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

using Bytes = std::vector<std::uint8_t>;

struct Target {
  const char* name;
  int (*run)(const std::uint8_t*, std::size_t);
};
#include "fuzz_targets.h"

namespace {

constexpr std::size_t max_size = 8192;  // as scripts/fuzz has it
char now[512];                          // what runs, for the word after a crash

void tell(int signal) {
  // Nothing but what a handler may call.
  (void)!::write(STDERR_FILENO, now, std::strlen(now));
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

std::vector<std::filesystem::path> files_of(const char* folder) {
  std::vector<std::filesystem::path> files(std::filesystem::directory_iterator(folder), {});
  std::sort(files.begin(), files.end());
  return files;
}

Bytes read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

/// One of the changes that find most: a byte, a few bytes put in or taken out, an end cut off.
void change(Bytes& bytes, std::mt19937& random) {
  const auto below = [&](std::size_t end) { return random() % std::max<std::size_t>(end, 1); };
  const std::size_t at = below(bytes.size());
  const std::size_t count = std::min(1 + below(16), bytes.size() - std::min(at, bytes.size()));
  const auto place = bytes.begin() + static_cast<std::ptrdiff_t>(std::min(at, bytes.size()));
  const auto extreme = [&] { return std::uint8_t(std::array{0x00, 0x7f, 0x80, 0xff}[below(4)]); };
  switch (below(5)) {
    case 0:
      if (!bytes.empty()) bytes[at] = std::uint8_t(random());
      break;
    case 1:
      std::fill_n(place, count, extreme());
      break;
    case 2:
      bytes.insert(place, 1 + below(16), std::uint8_t(random()));
      break;
    case 3:
      bytes.erase(place, place + static_cast<std::ptrdiff_t>(count));
      break;
    default:
      bytes.resize(at);
  }
}

void run(const Target& target, const std::filesystem::path& seed, int number, const Bytes& bytes) {
  std::snprintf(now, sizeof now, "fuzz_replay: %s: %s, change %d\n", target.name, seed.c_str(),
                number);
  // A copy of its very size, so that AddressSanitizer sees a byte too far.
  const Bytes input(bytes.begin(),
                    bytes.begin() + static_cast<std::ptrdiff_t>(std::min(bytes.size(), max_size)));
  target.run(input.data(), input.size());
}

int replay(const Target& target, const char* folder, int changes) {
  const auto files = files_of(folder);
  if (files.empty()) return 1;
  std::vector<Bytes> seeds;
  for (const auto& file : files) {
    seeds.push_back(read(file));
    run(target, file, 0, seeds.back());
  }
  std::mt19937 random(20);
  for (int i = 1; i <= changes; ++i) {
    const std::size_t chosen = static_cast<std::size_t>(i) % seeds.size();
    Bytes bytes = seeds[chosen];
    for (std::size_t count = 1 + random() % 4; count > 0; --count) change(bytes, random);
    run(target, files[chosen], i, bytes);
  }
  std::printf("%s: %zu seeds and %d changes\n", target.name, seeds.size(), changes);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, tell);
  for (const Target& target : targets) {
    if (std::strcmp(target.name, argv[1]) == 0) return replay(target, argv[2], std::atoi(argv[3]));
  }
  std::fprintf(stderr, "fuzz_replay: no target %s\n", argv[1]);
  return 2;
}
