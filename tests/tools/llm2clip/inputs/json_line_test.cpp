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
  CHECK(parse(R"({"id": true, "text": "t"})").id == "true");
  CHECK(parse(R"({"id": null, "text": "t"})").id == "null");
  CHECK(parse_json_line(R"({"text": "t"})", "text", "text", "f:1").id == "t");
}

TEST_CASE("an id that is a number keeps what is written", "[tools][json_line]") {
  for (const char* id :
       {"0", "-0", "18446744073709551615", "18446744073709551616", "18446744073709551617",
        "-9223372036854775809", "1e5", "1E+05", "0.10", "1.50", "1e999", "-1e-999", "NaN",
        "Infinity", "-Infinity", "123456789012345678901234567890.12345678901234567890"}) {
    INFO(id);
    CHECK(parse("{\"a\": [1, \"2\", {\"b\": 3}], \"id\": " + std::string(id) + ", \"text\": \"t\"}")
              .id == id);
  }
  const std::string digits(400, '7');
  CHECK(parse("{\"id\":" + digits + ",\"text\":\"t\"}").id == digits);
}

TEST_CASE("numbers of other fields may be what Python writes", "[tools][json_line]") {
  for (const char* value : {"NaN", "Infinity", "-Infinity", "[NaN, {\"c\": -Infinity}, 1e400]",
                            "1e400", "-1e400", "123e+456789"}) {
    INFO(value);
    const JsonLine line =
        parse("{\"s\":" + std::string(value) +
              ",\"text\":\"NaN \\\" Infinity 1e400\",\"id\":\"\\\\\\\\\",\"t\":" + value + "}");
    CHECK(line.text == "NaN \" Infinity 1e400");
    CHECK(line.id == "\\\\");
  }
  // As many digits as JSON allows, and no other grammar.
  for (const char* value : {"nan", "NAN", "inf", "+Infinity", "-NaN", "NaNs", "01e400", "1.e400",
                            "1e400.5", "+1e400", "1e", "0x10", "1_000", "Infinity1"}) {
    INFO(value);
    CHECK(problem("{\"s\": " + std::string(value) + ", \"text\": \"t\"}")
              .starts_with("is not a JSON object: byte "));
  }
}

TEST_CASE("what is no object is refused", "[tools][json_line]") {
  for (const char* line :
       {"", " ", "}", "[]", "1", "NaN", "1e999", "\"text\"", "null", "\xEF\xBB\xBF", "text"}) {
    INFO(line);
    CHECK(problem(line) == "a JSON object is expected");
  }
}

TEST_CASE("what is wrong with an object is said, with its place", "[tools][json_line]") {
  const auto where = [](std::size_t byte, const std::string& reason) {
    return "is not a JSON object: byte " + std::to_string(byte) + ": " + reason;
  };
  CHECK(problem("{'text': 1}").starts_with(where(2, "invalid literal")));
  CHECK(problem("{\"a\": NaN, \"text\": \"a\" /* */}").starts_with(where(24, "invalid literal")));
  CHECK(problem("{\"text\": \"a\tb\"}")
            .starts_with(where(12, "invalid string: control character U+0009 (HT)")));
  CHECK(problem("{\"text\": \"\xFF\"}")
            .starts_with(where(11, "invalid string: ill-formed UTF-8 byte")));
  for (const char* line :
       {"{", "{\"text\"}", "{\"text\": }", "{\"text\": \"a\"", "{\"text\": \"a\"} x",
        "{\"text\": \"a\"}{\"text\": \"b\"}", "{\"text\": \"a\",}", "{\"a\": \"surrogate"}) {
    INFO(line);
    CHECK(problem(line).starts_with("is not a JSON object: byte "));
  }
  CHECK(problem(std::string("{\"text\": \"a\0b\"}", 15)) ==
        "has a NUL at byte 12, which JSON does not have");
  CHECK(problem(std::string("{\"text\": \"a\"}\0", 14)) ==
        "has a NUL at byte 14, which JSON does not have");
}

TEST_CASE("a lone surrogate is called one", "[tools][json_line]") {
  for (const char* text : {"\\ud800", "\\ud83dx", "\\ud83d\\n", "\\udc00", "\\ud83d\\ud83d"}) {
    INFO(text);
    for (const std::string& line :
         {"{\"text\": \"" + std::string(text) + "\"}",
          "{\"text\": \"t\", \"other\": [\"" + std::string(text) + "\"]}"}) {
      CHECK(problem(line).starts_with("has a lone surrogate before byte "));
    }
  }
  CHECK(parse(R"({"text": "\ud83d\ude00"})").text == "\xF0\x9F\x98\x80");
}

TEST_CASE("a text that is missing or no string is refused", "[tools][json_line]") {
  const std::string message = "has no string under \"text\"; see --field";
  for (const char* line : {"{}", R"({"Text": "a"})", R"({"text": 1})", R"({"text": 1.5})",
                           R"({"text": null})", R"({"text": true})", R"({"text": NaN})",
                           R"({"text": 1e999})", R"({"text": ["a"]})", R"({"text": {"text": "a"}})",
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
