#include "pages/page_text.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace llm2clip::cli {

std::string html_text(std::string_view bytes) {
  using Json = nlohmann::json;
  // The JSON library knows what is UTF-8 and puts U+FFFD in the place of what is not.
  const std::string quoted =
      Json(std::string(bytes)).dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string html;
  for (const char c : Json::parse(quoted).get<std::string>()) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      html += "\xEF\xBF\xBD";
    } else if (c == '&' || c == '<' || c == '>' || c == '"' || c == '\'') {
      html += "&#" + std::to_string(byte) + ";";
    } else {
      html += c;
    }
  }
  return html;
}

std::string file_address(std::string_view path) {
  constexpr std::string_view kPlain = "/-._~";
  std::string address = "file://";
  for (const char c : path) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       kPlain.find(c) != kPlain.npos;
    std::array<char, 4> escaped{};
    std::snprintf(escaped.data(), escaped.size(), "%%%02X", static_cast<unsigned char>(c));
    address += plain ? std::string(1, c) : escaped.data();
  }
  return address;
}

std::string clock_time(double seconds) {
  const auto thousandths = std::llround(seconds * 1000);
  const long long whole = thousandths / 1000;
  std::array<char, 64> text{};
  if (whole >= 3600) {
    std::snprintf(text.data(), text.size(), "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60,
                  whole % 60);
  } else {
    std::snprintf(text.data(), text.size(), "%lld:%02lld", whole / 60, whole % 60);
  }
  std::string time = text.data();
  if (thousandths % 1000 == 0) return time;
  std::snprintf(text.data(), text.size(), ".%03lld", thousandths % 1000);
  time += text.data();
  while (time.ends_with('0')) time.pop_back();
  return time;
}

}  // namespace llm2clip::cli
