#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace llm2clip::serve {

/// A body as a JSON object. Throws ApiError(400) for what is none, has more than 64 levels or a
/// million values, or names a member twice.
nlohmann::json parse_body(std::string_view body);

// Members of a request. Absent and null are the same. Throw ApiError(400), with the name of the
// member, for a value of another type.
std::optional<std::string> optional_string(const nlohmann::json& object, const char* member);
std::optional<bool> optional_bool(const nlohmann::json& object, const char* member);
std::optional<double> optional_number(const nlohmann::json& object, const char* member);
/// A whole number from 1 to `most`.
std::optional<std::uint64_t> optional_count(const nlohmann::json& object, const char* member,
                                            std::uint64_t most);
std::optional<std::vector<std::string>> optional_strings(const nlohmann::json& object,
                                                         const char* member);

/// A member that is there and not null; nullptr: it is not.
const nlohmann::json* find_member(const nlohmann::json& object, const char* member);
nlohmann::json* find_member(nlohmann::json& object, const char* member);

}  // namespace llm2clip::serve
