#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace llm2clip {

/// JSON text on one line for those, too, who take U+0085, U+2028 and U+2029 for the end of one, as
/// Python's splitlines does: they are written as \u escapes, which are read back as what they are.
std::string escape_line_ends(std::string json);

/// `text` as a JSON string with its quotes, or empty when it is not UTF-8.
std::string json_string(std::string_view text);

/// The member of a JSON object that names an input: detail/command_line.h says how.
std::string json_id(std::string_view id);

/// RFC 4648, with padding.
std::string base64(std::string_view bytes);

/// Back again, up to the first character that is no digit of it.
std::string from_base64(std::string_view text);

/// Appends the shortest decimal that gives `value` back when read as float32.
/// Throws Error(invalid_argument) for a value that JSON has no number for.
void append_number(std::string& text, float value);

/// `["a.jpg",{"id_base64":"..."}]`: ids that are not UTF-8 are objects.
std::string json_id_list(std::span<const std::string> ids);

/// Appends `ids` to a list that json_id_list would have begun: "[" and what is in it so far.
void append_json_ids(std::string& list, std::span<const std::string> ids);

/// Back again. Throws Error(bad_model).
std::vector<std::string> parse_json_id_list(const std::string& text);

}  // namespace llm2clip
