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
CodePoint first_code_point(std::string_view text);

/// The last code point of a text that is valid UTF-8 and not empty.
CodePoint last_code_point(std::string_view text);

void append_utf8(std::string& text, std::uint32_t code_point);

}  // namespace llm2clip
