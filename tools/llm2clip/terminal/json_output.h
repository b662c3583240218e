#pragma once

#include <string>

namespace llm2clip::cli {

/// JSON text on one line for those, too, who take U+0085, U+2028 and U+2029 for the end of one, as
/// Python's splitlines does: they are written as \u escapes, which are read back as what they are.
std::string escape_line_ends(std::string json);

/// What is printed of `json`. Bytes that are not UTF-8 become U+FFFD. `indent` as for dump().
template <typename Json>
std::string json_text(const Json& json, int indent = -1) {
  return escape_line_ends(json.dump(indent, ' ', false, Json::error_handler_t::replace));
}

}  // namespace llm2clip::cli
