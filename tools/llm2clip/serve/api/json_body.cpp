#include "serve/api/json_body.h"

#include <algorithm>
#include <utility>

#include "serve/api/api_error.h"
#include "serve/api/body_parser.h"

namespace llm2clip::serve {
namespace {

using nlohmann::json;

[[noreturn]] void refuse(const char* member, const std::string& expected, const json& value) {
  throw bad_request(
      member, std::string(member) + ": " + expected + " is expected, not " + value.type_name());
}

}  // namespace

json parse_body(std::string_view body) {
  json object = read_json(body);
  if (!object.is_object()) throw bad_request("", "the body: a JSON object is expected");
  return object;
}

const json* find_member(const json& object, const char* member) {
  const auto found = object.find(member);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

json* find_member(json& object, const char* member) {
  return const_cast<json*>(find_member(std::as_const(object), member));
}

std::optional<std::string> optional_string(const json& object, const char* member) {
  const json* value = find_member(object, member);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) refuse(member, "a string", *value);
  return value->get<std::string>();
}

std::optional<bool> optional_bool(const json& object, const char* member) {
  const json* value = find_member(object, member);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) refuse(member, "true or false", *value);
  return value->get<bool>();
}

std::optional<double> optional_number(const json& object, const char* member) {
  const json* value = find_member(object, member);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) refuse(member, "a number", *value);
  return value->get<double>();
}

std::optional<std::uint64_t> optional_count(const json& object, const char* member,
                                            std::uint64_t most) {
  const json* value = find_member(object, member);
  if (value == nullptr) return std::nullopt;
  const bool fits = value->is_number_unsigned() && value->get<std::uint64_t>() >= 1 &&
                    value->get<std::uint64_t>() <= most;
  if (!fits) refuse(member, "a whole number from 1 to " + std::to_string(most), *value);
  return value->get<std::uint64_t>();
}

std::optional<std::vector<std::string>> optional_strings(const json& object, const char* member) {
  const json* value = find_member(object, member);
  if (value == nullptr) return std::nullopt;
  const bool strings =
      value->is_array() &&
      std::all_of(value->begin(), value->end(), [](const json& one) { return one.is_string(); });
  if (!strings) refuse(member, "a list of strings", *value);
  return value->get<std::vector<std::string>>();
}

}  // namespace llm2clip::serve
