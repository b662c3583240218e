#include "store/json_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "llm2clip/embeddings_file.h"
#include "llm2clip/error.h"

namespace llm2clip {

std::string json_string(std::string_view text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::type_error&) {  // not UTF-8
    return {};
  }
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8 | (j < count ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      text += j <= count ? kDigits[group >> (18 - 6 * j) & 63u] : '=';
    }
  }
  return text;
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

std::string json_id(std::string_view id) {
  const std::string quoted = json_string(id);
  if (!quoted.empty()) return "\"id\":" + quoted;
  return "\"id_base64\":\"" + base64(id) + "\"";
}

std::string json_id_list(std::span<const std::string> ids) {
  std::string text = "[";
  for (const std::string& id : ids) {
    if (text.size() > 1) text += ',';
    const std::string quoted = json_string(id);
    text += quoted.empty() ? "{" + json_id(id) + "}" : quoted;
  }
  return text + "]";
}

}  // namespace llm2clip
