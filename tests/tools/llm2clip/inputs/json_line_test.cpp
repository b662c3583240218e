#include "inputs/json_line.h"

#include "support/catch.h"
#include "support/error.h"

namespace llm2clip::cli {
namespace {

JsonLine parse(const std::string& line) { return parse_json_line(line, "text", "id", "f:1"); }

std::string problem(const std::string& line) {
  const Error error = testing::error_of([&] { parse(line); });
  CHECK(error.kind() == ErrorKind::unreadable_input);
  const std::string words = error.what();
  CHECK(words.starts_with("f:1: "));
  return words.substr(5);
}

TEST_CASE("a JSON line gives text and id, whatever else it has", "[tools][json_line]") {
  const JsonLine line = parse(
      R"({"a": [{"text": 1, "id": [2]}], "text": "a dog\n\u0000", "b": {}, "id": "x", "c": null})");
  CHECK(line.text == std::string("a dog\n\0", 7));
  CHECK(line.id == "x");
  CHECK_FALSE(parse(R"({"text": ""})").id.has_value());
  CHECK(parse(R"( {"id": 7, "text": "t"} )").id == "7");
  CHECK(parse(R"({"id": -7, "text": "t"})").id == "-7");
  CHECK(parse(R"({"id": 1.50, "text": "t"})").id == "1.5");
  CHECK(parse(R"({"id": true, "text": "t"})").id == "true");
  CHECK(parse(R"({"id": null, "text": "t"})").id == "null");
  CHECK(parse_json_line(R"({"text": "t"})", "text", "text", "f:1").id == "t");
}

TEST_CASE("what is no object is refused", "[tools][json_line]") {
  const std::string message = "a JSON object is expected";
  for (const char* line : {"",
                           " ",
                           "{",
                           "}",
                           "[]",
                           "1",
                           "\"text\"",
                           "null",
                           "{\"text\"}",
                           "{\"text\": }",
                           "{'text': 1}",
                           "{\"text\": \"a\"",
                           "{\"text\": \"a\"} x",
                           "{\"text\": \"a\"}{\"text\": \"b\"}",
                           "{\"text\": \"a\",}",
                           "{\"text\": \"a\tb\"}",
                           "{\"text\": \"\xFF\"}",
                           "{\"text\": \"\\ud800\"}",
                           "{\"text\": NaN}",
                           "{\"text\": \"a\" /* */}",
                           "\xEF\xBB\xBF",
                           "text"}) {
    INFO(line);
    CHECK(problem(line) == message);
  }
  CHECK(problem(std::string("{\"text\": \"a\0b\"}", 15)) == message);
  CHECK(problem(std::string("{\"text\": \"a\"}\0", 14)) == message);
}

TEST_CASE("a text that is missing or no string is refused", "[tools][json_line]") {
  const std::string message = "has no string under \"text\"; see --field";
  for (const char* line :
       {"{}", R"({"Text": "a"})", R"({"text": 1})", R"({"text": 1.5})", R"({"text": null})",
        R"({"text": true})", R"({"text": ["a"]})", R"({"text": {"text": "a"}})",
        R"({"a": {"text": "a"}})", R"({"text": ["a", "b"], "c": "d"})"}) {
    INFO(line);
    CHECK(problem(line) == message);
  }
}

TEST_CASE("a text or an id that stands twice is refused", "[tools][json_line]") {
  CHECK(problem(R"({"text": "a", "text": "a"})") == "has \"text\" twice");
  CHECK(problem(R"({"text": 1, "text": "a"})") == "has \"text\" twice");
  CHECK(problem(R"({"text": "a", "te\u0078t": "b"})") == "has \"text\" twice");
  CHECK(problem(R"({"id": 1, "text": "a", "id": 1})") == "has \"id\" twice");
  CHECK(parse(R"({"text": "a", "b": 1, "b": 2})").text == "a");
}

TEST_CASE("an id that is a list or an object is refused, however deep it is",
          "[tools][json_line]") {
  const std::string message =
      "has a list or an object under \"id\", a string or a number is expected; see --id-field";
  for (const std::string& id :
       {std::string("[1]"), std::string("{}"), std::string(200'000, '['), std::string("[")}) {
    CHECK(problem("{\"text\": \"a\", \"id\": " + id + "}") == message);
  }
}

TEST_CASE("64 levels are read and 65 are not", "[tools][json_line]") {
  const auto nested = [](std::size_t lists) {
    return "{\"a\": " + std::string(lists, '[') + std::string(lists, ']') + ", \"text\": \"t\"}";
  };
  CHECK(parse(nested(63)).text == "t");
  CHECK(problem(nested(64)) == "has more than 64 levels");
  CHECK(problem(nested(1'000'000)) == "has more than 64 levels");
  CHECK(problem(std::string(1'000'000, '[')) == "a JSON object is expected");
  std::string objects;
  for (int level = 0; level < 100'000; ++level) objects += "{\"a\":";
  CHECK(problem(objects) == "has more than 64 levels");
}

}  // namespace
}  // namespace llm2clip::cli
