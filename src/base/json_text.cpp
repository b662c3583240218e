#include "base/json_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/base64.h"
#include "base/errors_only.h"
#include "llm2clip/error.h"

namespace llm2clip {

std::string json_string(std::string_view text) {
  try {
    return escape_line_ends(nlohmann::json(text).dump());
  } catch (const nlohmann::json::type_error&) {  // not UTF-8
    return {};
  }
}

void append_number(std::string& text, float value) {
  if (!std::isfinite(value)) {
    throw Error(ErrorKind::invalid_argument,
                "embeddings: a value is not finite, and no text format can hold it");
  }
  std::array<char, 32> digits{};
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  text.append(digits.data(), result.ptr);
}

std::string detail::json_id(std::string_view id) {
  return errors_only("id", [&]() -> std::string {
    const std::string quoted = json_string(id);
    if (!quoted.empty()) return "\"id\":" + quoted;
    return "\"id_base64\":\"" + base64(id) + "\"";
  });
}

void append_json_ids(std::string& list, std::span<const std::string> ids) {
  for (const std::string& id : ids) {
    if (list.size() > 1) list += ',';
    const std::string quoted = json_string(id);
    list += quoted.empty() ? "{" + json_id(id) + "}" : quoted;
  }
}

std::string json_id_list(std::span<const std::string> ids) {
  std::string text = "[";
  append_json_ids(text, ids);
  return text + "]";
}

std::vector<std::string> parse_json_id_list(const std::string& text) {
  const nlohmann::json list = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto refuse = [] {
    throw Error(ErrorKind::bad_model, "ids: expected a list of strings; the file is damaged");
  };
  if (!list.is_array()) refuse();
  std::vector<std::string> ids;
  for (const nlohmann::json& id : list) {
    if (id.is_string()) {
      ids.push_back(id.get<std::string>());
    } else if (id.is_object() && id.contains("id_base64") && id["id_base64"].is_string()) {
      ids.push_back(from_base64(id["id_base64"].get<std::string>()));
    } else {
      refuse();
    }
  }
  return ids;
}

}  // namespace llm2clip
