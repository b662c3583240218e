#include "base/base64.h"

#include <openssl/evp.h>

#include <algorithm>

#include "base/errors_only.h"
#include "llm2clip/detail/command_line.h"

namespace llm2clip {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
// OpenSSL counts bytes in an int.
constexpr std::size_t kBytesAtOnce = std::size_t{3} << 20;
constexpr std::size_t kDigitsAtOnce = kBytesAtOnce / 3 * 4;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

bool is_digit(char c) { return kDigits.find(c) != std::string_view::npos; }

// OpenSSL takes = for a digit anywhere, and leaves out what is none at either end.
bool is_plain(std::string_view digits) {
  if (digits.empty()) return true;
  return is_digit(digits.front()) && is_digit(digits.back()) && digits.find('=') == digits.npos;
}

}  // namespace

std::string base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // OpenSSL ends it with a NUL
  auto* to = reinterpret_cast<unsigned char*>(text.data());
  for (std::size_t at = 0; at < bytes.size(); at += kBytesAtOnce) {
    const std::string_view piece = bytes.substr(at, kBytesAtOnce);
    to += EVP_EncodeBlock(to, bytes_of(piece), static_cast<int>(piece.size()));
  }
  text.pop_back();
  return text;
}

std::optional<std::vector<std::uint8_t>> decode_base64(std::string_view text) {
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  if (text.size() % 4 != 0 || !is_plain(text.substr(0, text.size() - padding))) return std::nullopt;
  std::vector<std::uint8_t> bytes(text.size() / 4 * 3);
  for (std::size_t at = 0; at < text.size(); at += kDigitsAtOnce) {
    const std::string_view piece = text.substr(at, kDigitsAtOnce);
    const int count =
        EVP_DecodeBlock(bytes.data() + at / 4 * 3, bytes_of(piece), static_cast<int>(piece.size()));
    if (count != static_cast<int>(piece.size() / 4 * 3)) return std::nullopt;
  }
  bytes.erase(bytes.end() - static_cast<std::ptrdiff_t>(padding), bytes.end());
  return bytes;
}

std::string from_base64(std::string_view text) {
  std::string digits(text.substr(0, text.find_first_not_of(kDigits)));
  if (digits.size() % 4 == 1) digits.pop_back();  // six bits are no byte
  digits.append((4 - digits.size() % 4) % 4, '=');
  const auto bytes = decode_base64(digits);
  return {bytes->begin(), bytes->end()};
}

std::string detail::base64(std::string_view bytes) {
  return errors_only("base64", [&] { return llm2clip::base64(bytes); });
}

std::optional<std::vector<std::uint8_t>> detail::decode_base64(std::string_view text) {
  return errors_only("base64", [&] { return llm2clip::decode_base64(text); });
}

}  // namespace llm2clip
