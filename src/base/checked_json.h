#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace llm2clip {

/// JSON as this library writes it into files of runs, read from a disk that may have changed it:
/// nothing for what is not JSON, has a name twice in one object, or more than 8 levels.
std::optional<nlohmann::ordered_json> parse_checked_json(std::string_view text);

/// The member `name` where it is a whole number from 0 on, or a string, and nothing otherwise.
std::optional<std::uint64_t> count_in(const nlohmann::ordered_json& object, const char* name);
std::optional<std::string> text_in(const nlohmann::ordered_json& object, const char* name);

/// Whether `text` is a SHA-256 as sha256_of writes it.
bool is_sha256(std::string_view text);

}  // namespace llm2clip
