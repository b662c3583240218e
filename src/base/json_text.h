#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "llm2clip/detail/command_line.h"

namespace llm2clip {

using detail::escape_line_ends;
using detail::json_id;

/// `text` as a JSON string with its quotes, or empty when it is not UTF-8.
std::string json_string(std::string_view text);

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
