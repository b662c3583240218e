#include "serve/api/json_body.h"

#include "serve/api/api_error.h"
#include "serve/api/embedding_json.h"
#include "support/catch.h"

using namespace llm2clip::serve;

TEST_CASE("levels, values and names have limits", "[serve]") {
  const auto nested = [](std::size_t levels) {
    return R"({"a":)" + std::string(levels, '[') + std::string(levels, ']') + "}";
  };
  CHECK_NOTHROW(parse_body(nested(60)));
  CHECK_THROWS_AS(parse_body(nested(70)), ApiError);
  CHECK_THROWS_AS(parse_body(std::string(200'000, '[')), ApiError);
  CHECK_THROWS_AS(parse_body(R"({"a":{"b":1,"c":{"b":1},"b":2}})"), ApiError);
  CHECK_NOTHROW(parse_body(R"({"a":{"b":1,"c":{"b":1}},"b":2})"));
  CHECK_THROWS_AS(parse_body(R"({"a":1e999})"), ApiError);
  CHECK_THROWS_AS(parse_body("[]"), ApiError);
}

TEST_CASE("members are absent, null, or of their type", "[serve]") {
  const nlohmann::json body =
      parse_body(R"({"n": null, "s": "x", "c": 5, "minus": -5, "f": 1.5, "l": ["a", 1]})");
  CHECK(!optional_string(body, "n"));
  CHECK(!optional_string(body, "absent"));
  CHECK(optional_string(body, "s") == "x");
  CHECK(optional_count(body, "c", 5) == 5u);
  CHECK_THROWS_AS(optional_count(body, "c", 4), ApiError);
  CHECK_THROWS_AS(optional_count(body, "minus", 9), ApiError);
  CHECK_THROWS_AS(optional_count(body, "f", 9), ApiError);
  CHECK_THROWS_AS(optional_string(body, "c"), ApiError);
  CHECK_THROWS_AS(optional_bool(body, "c"), ApiError);
  CHECK_THROWS_AS(optional_strings(body, "l"), ApiError);
}

TEST_CASE("numbers are read back as the same float32", "[serve]") {
  const std::vector<float> row = {0.1f, -1e-38f, 16777217.0f, 0.0f, 3.4028235e38f, 1.0f / 3};
  std::string json;
  append_numbers(json, row);
  const auto read = nlohmann::json::parse(json).get<std::vector<float>>();
  CHECK(read == row);
  std::string base64;
  append_base64(base64, std::vector<float>{1.0f});
  CHECK(base64 == "\"AACAPw==\"");
}
