#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "llm2clip/error.h"

namespace llm2clip {

/// A value of an enumeration and what it is called. An array of all of them stands behind to_string
/// and from_string.
template <typename Enum>
struct Named {
  Enum value;
  const char* name;
};

/// Empty for what is none of the values.
template <typename Enum, std::size_t count>
const char* name_of(const std::array<Named<Enum>, count>& names, Enum value) {
  for (const Named<Enum>& named : names) {
    if (named.value == value) return named.name;
  }
  return "";
}

/// Throws Error(invalid_argument, "<what>: expected a, b or c, got \"<name>\"").
template <typename Enum, std::size_t count>
Enum value_of(const std::array<Named<Enum>, count>& names, const char* what,
              std::string_view name) {
  std::string expected;
  for (std::size_t i = 0; i < count; ++i) {
    if (name == names[i].name) return names[i].value;
    if (i > 0) expected += i + 1 < count ? ", " : " or ";
    expected += names[i].name;
  }
  throw Error(ErrorKind::invalid_argument,
              std::string(what) + ": expected " + expected + ", got \"" + std::string(name) + "\"");
}

}  // namespace llm2clip
