#pragma once

#include <string_view>

namespace llm2clip {

/// The value that to_string() calls `name`, of the enumerations that say so beside to_string():
/// from_string<Precision>("bfloat16").
/// Throws Error(invalid_argument) with the names that there are for another one.
template <typename Enum>
Enum from_string(std::string_view name);

}  // namespace llm2clip
