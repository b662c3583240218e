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

TEST_CASE("a body is what another reader of JSON makes of it", "[serve]") {
  for (const std::string body : {
           R"({})",
           R"( { "a" : [ ] , "b" : { } } )",
           R"({"a":[0,1,-1,9007199254740993]})",
           R"({"a":[18446744073709551615,-9223372036854775808,18446744073709551616]})",
           R"({"a":[0.1,1e5,1E-5,-2.5e+3,0.30000000000000004,179769313486231570e291,5e-324]})",
           R"({"a":[9007199254740993.0,0.1234567890123456789012345678901234567890]})",
           R"({"a":"\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00","\u0062":"c"})",
           "\xef\xbb\xbf{}",
           R"({"a":"\u0000x","":null,"t":[true,false,null]})",
           "{\"a\":\"\xc3\xa9\xf0\x9f\x98\x80\"}",
       }) {
    INFO(body);
    CHECK(parse_body(body) == nlohmann::json::parse(body));
    CHECK(parse_body(body).dump() == nlohmann::json::parse(body).dump());
  }
  const std::string image(300'000, 'A');
  CHECK(parse_body("{\"a\":\"" + image + "\\n" + image + "\"}")["a"] == image + "\n" + image);
}

TEST_CASE("a body that is not JSON is refused", "[serve]") {
  for (const std::string body : {
           R"()",
           R"( )",
           R"({)",
           R"({"a")",
           R"({"a":)",
           R"({"a":1)",
           R"({"a":1,})",
           R"({"a":1}})",
           R"({"a":1} x)",
           R"({"a":[1,]})",
           R"({a:1})",
           R"({'a':1})",
           R"({"a":01})",
           R"({"a":1.})",
           R"({"a":.5})",
           R"({"a":+1})",
           R"({"a":1e})",
           R"({"a":-})",
           R"({"a":NaN})",
           R"({"a":Infinity})",
           R"({"a":nul})",
           R"({"a":"\x"})",
           R"({"a":"\ud800"})",
           R"({"a":"\ude00"})",
           R"({"a":"\u12"})",
           "{\"a\":\"\xff\"}",
           "{\"a\":\"\xc0\xaf\"}",
           "{\"a\":\"\xed\xa0\x80\"}",
           "{\"a\":\"\n\"}",
           R"({"a":1}/**/)",
           R"({"a" 1})",
       }) {
    INFO(body);
    CHECK_THROWS_AS(parse_body(body), ApiError);
  }
  CHECK_THROWS_AS(parse_body(std::string("{\"a\":1}\0", 8)), ApiError);
  CHECK_THROWS_AS(parse_body(std::string("{\"a\":\"\0\"}", 9)), ApiError);
}

TEST_CASE("a refusal says where", "[serve]") {
  const auto refusal = [](const std::string& body) -> std::string {
    try {
      parse_body(body);
    } catch (const ApiError& error) {
      return error.what();
    }
    return "taken";
  };
  CHECK(refusal(R"({"a":1,})") == "the body is not JSON: an error before byte 8 of 8");
  CHECK(refusal(R"({"a":1)") == "the body is not JSON: an error before byte 6 of 6");
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
