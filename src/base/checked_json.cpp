#include "base/checked_json.h"

#include <set>
#include <vector>

namespace llm2clip {
namespace {

using json = nlohmann::ordered_json;

constexpr int kMaxDepth = 8;
constexpr std::size_t kSha256Digits = 64;

struct Refused {};

}  // namespace

// nlohmann keeps the last of two equal names and sets no limit to depth.
std::optional<json> parse_checked_json(std::string_view text) {
  std::vector<std::set<std::string>> names;
  const auto watch = [&](int depth, json::parse_event_t event, json& value) {
    if (depth > kMaxDepth) throw Refused();
    if (event == json::parse_event_t::object_start) names.emplace_back();
    if (event == json::parse_event_t::object_end) names.pop_back();
    if (event == json::parse_event_t::key &&
        !names.back().insert(value.get<std::string>()).second) {
      throw Refused();
    }
    return true;
  };
  try {
    return json::parse(text, watch);
  } catch (const json::exception&) {
  } catch (const Refused&) {
  }
  return std::nullopt;
}

std::optional<std::uint64_t> count_in(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<std::uint64_t>();
}

std::optional<std::string> text_in(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

bool is_sha256(std::string_view text) {
  return text.size() == kSha256Digits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace llm2clip
