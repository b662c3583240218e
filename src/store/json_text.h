#pragma once

#include <span>
#include <string>
#include <string_view>

namespace llm2clip {

/// `text` as a JSON string with its quotes, or empty when it is not UTF-8.
std::string json_string(std::string_view text);

/// RFC 4648, with padding.
std::string base64(std::string_view bytes);

/// Appends the shortest decimal that gives `value` back when read as float32.
/// Throws Error(invalid_argument) for a value that JSON has no number for.
void append_number(std::string& text, float value);

/// `["a.jpg",{"id_base64":"..."}]`: ids that are not UTF-8 are objects.
std::string json_id_list(std::span<const std::string> ids);

}  // namespace llm2clip
