#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace llm2clip {

/// Offset of the first byte that does not begin a well-formed UTF-8 sequence (Unicode, table 3-7:
/// no surrogates, nothing overlong, nothing above U+10FFFF); npos when there is none.
std::size_t find_invalid_utf8(std::string_view text);

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t size = 0;  ///< bytes
};

/// The first code point of a text that is valid UTF-8 and not empty.
inline CodePoint first_code_point(std::string_view text) {
  const auto byte = [text](std::size_t i) {
    return std::uint32_t{static_cast<unsigned char>(text[i])};
  };
  const auto low = [byte](std::size_t i) { return byte(i) & 0x3F; };
  const std::uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xE0) return {(lead & 0x1F) << 6 | low(1), 2};
  if (lead < 0xF0) return {(lead & 0x0F) << 12 | low(1) << 6 | low(2), 3};
  return {(lead & 0x07) << 18 | low(1) << 12 | low(2) << 6 | low(3), 4};
}

/// The last code point of a text that is valid UTF-8 and not empty.
CodePoint last_code_point(std::string_view text);

void append_utf8(std::string& text, std::uint32_t code_point);

}  // namespace llm2clip
