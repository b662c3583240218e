#include "serve/api/embedding_json.h"

#include <array>
#include <bit>
#include <charconv>
#include <nlohmann/json.hpp>

#include "llm2clip/detail/command_line.h"
#include "terminal/json_output.h"

namespace llm2clip::serve {

void append_numbers(std::string& json, std::span<const float> row) {
  std::array<char, 32> digits{};
  json += '[';
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i > 0) json += ',';
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), row[i]).ptr;
    json.append(digits.data(), end);
  }
  json += ']';
}

void append_base64(std::string& json, std::span<const float> row) {
  static_assert(std::endian::native == std::endian::little, "clients read little-endian floats");
  const auto* bytes = reinterpret_cast<const char*>(row.data());
  json += '"' + detail::base64({bytes, row.size_bytes()}) + '"';
}

std::string rows_json(const Embeddings& rows,
                      void (*append)(std::string&, std::span<const float>)) {
  std::string json = "[";
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    if (i > 0) json += ',';
    append(json, rows[i]);
  }
  return json + "]";
}

std::string embeddings_answer(const Embeddings& rows, bool base64, std::string_view model,
                              std::size_t tokens) {
  constexpr std::size_t kBytesOfNumber = 13;
  std::string json;
  json.reserve(rows.values().size() * kBytesOfNumber + 256);
  json += R"({"object":"list","data":[)";
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    json += i > 0 ? "," : "";
    json += R"({"object":"embedding","index":)" + std::to_string(i) + R"(,"embedding":)";
    base64 ? append_base64(json, rows[i]) : append_numbers(json, rows[i]);
    json += '}';
  }
  const std::string count = std::to_string(tokens);
  json += R"(],"model":)" + cli::json_text(nlohmann::json(model)) +
          R"(,"usage":{"prompt_tokens":)" + count + R"(,"total_tokens":)" + count + "}}";
  return json;
}

}  // namespace llm2clip::serve
