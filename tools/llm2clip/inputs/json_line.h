#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace llm2clip::cli {

/// What is asked of a line of JSON.
struct JsonLine {
  std::string text;               ///< the string under the field
  std::optional<std::string> id;  ///< under the id field, as it is or as JSON writes it
};

/// Reads one JSON object. `place` is what messages call the line. Throws Error(unreadable_input)
/// for what is no object, has more than 64 levels, has no string under `field`, a list or an object
/// under `id_field`, or one of the two twice.
JsonLine parse_json_line(std::string_view line, const std::string& field,
                         const std::string& id_field, const std::string& place);

}  // namespace llm2clip::cli
