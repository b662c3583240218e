#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace llm2clip {

/// The bytes that a vocabulary key stands for, in the form that GPT-2 introduced: the bytes 33-126,
/// 161-172 and 174-255 are the characters of these numbers, the other 68 are U+0100 to U+0143 in
/// order. nullopt when a character of `key` (valid UTF-8) is none of these.
std::optional<std::string> bytes_of_byte_level(std::string_view key);

}  // namespace llm2clip
