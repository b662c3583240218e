#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace llm2clip::cli {

/// Of lists and objects in each other.
inline constexpr int kMostLevels = 64;

/// What is asked of a line of JSON.
struct JsonLine {
  std::string text;               ///< the string under the field
  std::optional<std::string> id;  ///< under the id field: a string, or what is written there
};

/// Reads one JSON object. NaN, Infinity and numbers that are too large for one are taken as Python
/// writes them. `place` is what messages call the line. Throws Error(unreadable_input) for what is
/// no object, has more than kMostLevels, has no string under `field`, a list or an object under
/// `id_field`, or one of the two twice.
JsonLine parse_json_line(std::string_view line, const std::string& field,
                         const std::string& id_field, const std::string& place);

}  // namespace llm2clip::cli
