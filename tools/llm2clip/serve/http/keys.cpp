#include "serve/http/keys.h"

#include <algorithm>
#include <cstdint>
#include <fstream>

#include "llm2clip/error.h"

namespace llm2clip::serve {
namespace {

constexpr std::size_t kLeastLetters = 16;
constexpr std::size_t kMostLetters = 256;

// All of kMostLetters are looked at, whatever the two have.
bool same(std::string_view a, std::string_view b) {
  volatile std::size_t difference = a.size() ^ b.size();
  for (std::size_t i = 0; i < kMostLetters; ++i) {
    const auto left = static_cast<std::uint8_t>(i < a.size() ? a[i] : 0);
    const auto right = static_cast<std::uint8_t>(i < b.size() ? b[i] : 0);
    difference = difference | (left ^ right);
  }
  return difference == 0;
}

void check_key(const std::string& place, std::string_view key) {
  const bool visible =
      std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < 127; });
  if (visible && key.size() >= kLeastLetters && key.size() <= kMostLetters) return;
  throw Error(ErrorKind::invalid_argument,
              place +
                  ": a key of 16 to 256 visible ASCII characters is expected, without spaces; "
                  "openssl rand -hex 32 makes one");
}

}  // namespace

Keys Keys::read(const std::filesystem::path& file) {
  std::ifstream lines(file);
  if (!lines) throw Error(ErrorKind::io, file.string() + ": the file of keys cannot be read");
  Keys keys;
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || line.starts_with('#')) continue;
    check_key(file.string() + ":" + std::to_string(number), line);
    keys.keys_.push_back(line);
  }
  if (keys.empty()) throw Error(ErrorKind::invalid_argument, file.string() + ": has no key");
  return keys;
}

bool Keys::open(std::string_view authorization) const {
  constexpr std::string_view kScheme = "Bearer ";
  if (authorization.size() < kScheme.size() || authorization.size() > kScheme.size() + kMostLetters)
    return false;
  if (!std::equal(kScheme.begin(), kScheme.end(), authorization.begin(),
                  [](char a, char b) { return (a | 0x20) == (b | 0x20); })) {
    return false;
  }
  authorization.remove_prefix(kScheme.size());
  bool found = false;
  for (const std::string& key : keys_) found |= same(key, authorization);
  return found;
}

}  // namespace llm2clip::serve
