#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "llm2clip/detail/command_line.h"

namespace llm2clip::cli {

/// Floats as floats: 0.25 and 0.1, not 0.10000000149011612.
using FloatJson = nlohmann::basic_json<nlohmann::ordered_map, std::vector, std::string, bool,
                                       std::int64_t, std::uint64_t, float>;

/// What is printed of `json`, on one line for everybody. Bytes that are not UTF-8 become U+FFFD.
/// `indent` as for dump().
template <typename Json>
std::string json_text(const Json& json, int indent = -1) {
  return detail::escape_line_ends(json.dump(indent, ' ', false, Json::error_handler_t::replace));
}

/// A file of that, for people too; it appears whole or not at all. Throws Error(io).
template <typename Json>
void write_json_file(const std::string& path, const Json& json) {
  const std::string text = json_text(json, 2) + "\n";
  detail::write_file(path,
                     std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

}  // namespace llm2clip::cli
