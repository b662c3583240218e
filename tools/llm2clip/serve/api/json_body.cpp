#include "serve/api/json_body.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "serve/api/api_error.h"

namespace llm2clip::serve {
namespace {

using nlohmann::json;

constexpr int kMostLevels = 64;
// A value takes sixteen bytes, though `0,` are two: a small body must not become a large document.
constexpr std::size_t kMostValues = 1'000'000;

// Counts what the parser passes, and holds each object to names of its own.
class Watch {
 public:
  bool operator()(int depth, json::parse_event_t event, json& value) {
    if (depth > kMostLevels) {
      throw bad_request("", "the body has more than " + std::to_string(kMostLevels) + " levels");
    }
    if (++values_ > kMostValues) {
      throw bad_request("", "the body has more than " + std::to_string(kMostValues) + " values");
    }
    if (event == json::parse_event_t::object_start) names_.emplace_back();
    if (event == json::parse_event_t::object_end) names_.pop_back();
    if (event == json::parse_event_t::key && !names_.back().insert(value.get<std::string>()).second)
      throw bad_request(value.get<std::string>(), "the body has a member twice");
    return true;
  }

 private:
  std::vector<std::set<std::string>> names_;  // of the objects that are open
  std::size_t values_ = 0;
};

[[noreturn]] void refuse(const char* member, const std::string& expected, const json& value) {
  throw bad_request(
      member, std::string(member) + ": " + expected + " is expected, not " + value.type_name());
}

}  // namespace

json parse_body(std::string_view body) {
  // The parser takes a NUL for the end.
  if (body.find('\0') != body.npos) throw bad_request("", "the body has a NUL");
  json object;
  try {
    Watch watch;
    object = json::parse(body, std::ref(watch));
  } catch (const json::parse_error& error) {
    throw bad_request("", "the body is not JSON: an error before byte " +
                              std::to_string(error.byte) + " of " + std::to_string(body.size()));
  } catch (const json::exception&) {  // a number that no double holds
    throw bad_request("", "the body is not JSON: it has a number that is too large");
  }
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
