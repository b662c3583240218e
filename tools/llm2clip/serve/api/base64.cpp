#include "serve/api/base64.h"

#include <array>
#include <cstddef>

namespace llm2clip::serve {
namespace {

constexpr std::uint8_t kNone = 0xFF;

constexpr std::array<std::uint8_t, 256> values() {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<std::uint8_t, 256> values{};
  values.fill(kNone);
  for (std::size_t i = 0; i < kLetters.size(); ++i) {
    values[static_cast<std::uint8_t>(kLetters[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}

constexpr std::array<std::uint8_t, 256> kValues = values();

std::size_t padding_of(std::string_view text) {
  if (text.ends_with("==")) return 2;
  return text.ends_with('=') ? 1 : 0;
}

}  // namespace

std::optional<std::vector<std::uint8_t>> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = padding_of(text);
  const std::size_t letters = text.size() - padding;
  std::vector<std::uint8_t> bytes(text.size() / 4 * 3);
  std::uint8_t none = 0;  // set by any letter that has no value, so that the loop has no branch
  for (std::size_t i = 0, at = 0; i < text.size(); i += 4, at += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = i; j < i + 4; ++j) {
      const std::uint8_t value = j < letters ? kValues[static_cast<std::uint8_t>(text[j])] : 0;
      none |= value;
      group = group << 6 | (value & 0x3Fu);
    }
    bytes[at] = static_cast<std::uint8_t>(group >> 16);
    bytes[at + 1] = static_cast<std::uint8_t>(group >> 8);
    bytes[at + 2] = static_cast<std::uint8_t>(group);
  }
  if ((none & 0x80u) != 0) return std::nullopt;
  bytes.erase(bytes.end() - static_cast<std::ptrdiff_t>(padding), bytes.end());
  return bytes;
}

}  // namespace llm2clip::serve
