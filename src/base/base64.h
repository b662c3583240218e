#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace llm2clip {

/// RFC 4648, with padding.
std::string base64(std::string_view bytes);

/// Back again, of text with padding and nothing else in it. Empty: it is no base64.
std::optional<std::vector<std::uint8_t>> decode_base64(std::string_view text);

/// The same up to the first character that is no digit of it.
std::string from_base64(std::string_view text);

}  // namespace llm2clip
