#include "serve/api/input_forms.h"

#include <nlohmann/json.hpp>

#include "serve/api/api_error.h"
#include "serve/api/json_body.h"
#include "support/catch.h"

using namespace llm2clip::serve;

namespace {

std::vector<ApiInput> read(const char* text) {
  nlohmann::json body = parse_body(text);
  return inputs_of(body);
}

std::string param_of_refusal(const char* text) {
  try {
    read(text);
  } catch (const ApiError& error) {
    CHECK(error.status == 400);
    CHECK(error.message.starts_with(error.param));
    return error.param;
  }
  return "taken";
}

}  // namespace

TEST_CASE("a string is one text, a list is several, in order", "[serve]") {
  const auto one = read(R"({"input": "a dog"})");
  REQUIRE(one.size() == 1);
  CHECK(std::get<std::string>(one[0].content) == "a dog");
  const auto two = read(R"({"input": ["a", {"content": [{"type": "text", "text": "b"}]}]})");
  REQUIRE(two.size() == 2);
  CHECK(std::get<std::string>(two[1].content) == "b");
  CHECK(two[1].name == "input[1].content[0]");
}

TEST_CASE("an image is the file in a data URI, of whatever type it says", "[serve]") {
  const auto images =
      read(R"({"modality": "image", "input": ["data:image/x;base64,AAEC", "data:;base64,/w=="]})");
  REQUIRE(images.size() == 2);
  CHECK(images[0].is_image());
  CHECK(std::get<1>(images[0].content) == std::vector<std::uint8_t>{0, 1, 2});
  CHECK(std::get<1>(images[1].content) == std::vector<std::uint8_t>{255});
}

TEST_CASE("a refusal names the member", "[serve]") {
  CHECK(param_of_refusal(R"({"input": ["a", 5]})") == "input[1]");
  CHECK(param_of_refusal(R"({"input": {"a": 1}})") == "input");
  CHECK(param_of_refusal(R"({"messages": [{"content": []}]})") == "messages[0].content");
  CHECK(param_of_refusal(R"({"modality": "image", "input": "file:///etc/passwd"})") == "input");
  CHECK(param_of_refusal(R"({"modality": "image", "input": ["data:image/png,abc"]})") ==
        "input[0]");
  CHECK(
      param_of_refusal(R"({"input": [{"content": [{"type": "image_url", "image_url": "x"}]}]})") ==
      "input[0].content[0]");
}
