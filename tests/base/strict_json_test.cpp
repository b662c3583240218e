#include "base/strict_json.h"

#include "support/catch.h"
#include "support/error.h"

using namespace llm2clip;
using Catch::Matchers::Contains;
using llm2clip::testing::error_of;

TEST_CASE("parse_strict_json refuses what nlohmann lets through", "[strict_json]") {
  CHECK_THAT(error_of([] { parse_strict_json(R"({"a": 1, "a": 2})", "f.json"); }).what(),
             Contains("f.json") && Contains("\"a\" stands twice"));
  CHECK_THAT(error_of([] { parse_strict_json(std::string(100000, '['), "f.json"); }).what(),
             Contains("64 levels"));
  CHECK(error_of([] { parse_strict_json("{", "f.json"); }).kind() == ErrorKind::bad_model);
  CHECK(error_of([] { parse_strict_json("", "f.json"); }).kind() == ErrorKind::bad_model);
  CHECK(error_of([] { parse_strict_json("{} {}", "f.json"); }).kind() == ErrorKind::bad_model);
  CHECK(error_of([] { parse_strict_json("{\"a\": NaN}", "f.json"); }).kind() ==
        ErrorKind::bad_model);
  // Equal keys of different objects are fine.
  CHECK(parse_strict_json(R"({"a": {"a": 1}, "b": {"a": 1}})", "f.json").size() == 2);
}

TEST_CASE("JsonObject checks types and ranges", "[strict_json]") {
  const nlohmann::json json = parse_strict_json(
      R"({"text": "x", "big": 18446744073709551615, "minus": -1, "real": 1.5, "list": [1, 2]})",
      "f.json");
  JsonObject object(json, "f.json", "part");
  CHECK(object.string("text") == "x");
  CHECK_THAT(error_of([&] { object.string("real"); }).what(), Contains("part.real"));
  CHECK_THAT(error_of([&] { object.integer("big", 0, 100); }).what(),
             Contains("0 to 100, got 18446744073709551615"));
  CHECK_THAT(error_of([&] { object.integer("minus", 0, 100); }).what(), Contains("got -1"));
  CHECK_THAT(error_of([&] { object.integer("real", 0, 100); }).what(), Contains("got 1.5"));
  CHECK_THAT(error_of([&] { object.array("list", 3); }).what(), Contains("3 values"));
  CHECK_THAT(error_of([&] { object.number("text"); }).what(), Contains("expected a number"));
  CHECK_THAT(error_of([&] { object.string("absent"); }).what(), Contains("is missing"));
  CHECK_THAT(error_of([&] { object.object("text"); }).what(), Contains("expected an object"));
}

TEST_CASE("JsonObject names a key that nobody asked for", "[strict_json]") {
  const nlohmann::json json = parse_strict_json(R"({"known": "x", "wrong": 1})", "f.json");
  JsonObject object(json, "f.json", "");
  object.string("known");
  CHECK_THAT(error_of([&] { object.refuse_other_keys(); }).what(), Contains("f.json: wrong"));
  object.ignore("wrong");
  object.refuse_other_keys();
}
