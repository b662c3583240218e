#pragma once

#include <string>

#include "llm2clip/detail/command_line.h"

namespace llm2clip::cli {

/// What is printed of `json`, on one line for everybody. Bytes that are not UTF-8 become U+FFFD.
/// `indent` as for dump().
template <typename Json>
std::string json_text(const Json& json, int indent = -1) {
  return detail::escape_line_ends(json.dump(indent, ' ', false, Json::error_handler_t::replace));
}

}  // namespace llm2clip::cli
