#include "serve/http/keys.h"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <cstdint>
#include <fstream>

#include "llm2clip/detail/command_line.h"
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

// What is behind the name of a scheme; nothing where it is another.
std::string_view behind(std::string_view scheme, std::string_view authorization) {
  if (!boost::beast::iequals(authorization.substr(0, scheme.size()), scheme)) return {};
  return authorization.substr(scheme.size());
}

std::string key_in(std::string_view authorization) {
  const std::string_view bearer = behind("Bearer ", authorization);
  if (!bearer.empty()) return std::string(bearer);
  const auto pair = detail::decode_base64(behind("Basic ", authorization));
  if (!pair) return {};
  const std::string text(pair->begin(), pair->end());  // "user:KEY"
  return text.find(':') == text.npos ? "" : text.substr(text.find(':') + 1);
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
  const std::string given = key_in(authorization);
  if (given.empty() || given.size() > kMostLetters) return false;
  bool found = false;
  for (const std::string& key : keys_) found |= same(key, given);
  return found;
}

}  // namespace llm2clip::serve
