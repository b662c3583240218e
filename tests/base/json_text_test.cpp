#include "base/json_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "llm2clip/embeddings_file.h"
#include "support/catch.h"
#include "support/error.h"

namespace llm2clip {
namespace {

TEST_CASE("an id that is not UTF-8 is written in base64", "[store][json_text]") {
  CHECK(json_id("a \"b\"\n.jpg") == R"("id":"a \"b\"\n.jpg")");
  CHECK(json_id("示意图") == R"("id":"示意图")");
  CHECK(json_id("caf\xe9.jpg") == R"("id_base64":"Y2Fm6S5qcGc=")");
  const std::string ids[] = {"a", "\xff"};
  CHECK(json_id_list(ids) == R"(["a",{"id_base64":"/w=="}])");
}

TEST_CASE("characters that others take for line ends are escaped, and read back as they were",
          "[store][json_text]") {
  const std::string id =
      "a\xE2\x80\xA8"
      "b\xE2\x80\xA9"
      "c\xC2\x85"
      "d\x0B\x0C\x1C\x1D\x1E\xE2\x80\xA6\xC2\x86";
  const std::string written =
      "\"a\\u2028b\\u2029c\\u0085d\\u000b\\f\\u001c\\u001d\\u001e\xE2\x80\xA6\xC2\x86\"";
  CHECK(json_string(id) == written);
  CHECK(json_id(id) == "\"id\":" + written);
  CHECK(json_id_list(std::span(&id, 1)) == "[" + written + "]");
  CHECK(parse_json_id_list(json_id_list(std::span(&id, 1))) == std::vector<std::string>{id});
  CHECK(embedding_json(id, std::array<float, 1>{1}) ==
        "{\"id\":" + written + ",\"embedding\":[1]}");
}

TEST_CASE("numbers are the shortest that give the float32 back", "[store][json_text]") {
  std::string text;
  append_number(text, 0.1f);
  CHECK(text == "0.1");
  std::uint32_t bits = 1;
  for (int i = 0; i < 100'000; ++i, bits += 40'503) {
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    text.clear();
    append_number(text, value);
    float back = 0;
    std::from_chars(text.data(), text.data() + text.size(), back);
    REQUIRE(back == value);
  }
}

TEST_CASE("a value that is not finite has no number", "[store][json_text]") {
  std::string text;
  CHECK(testing::error_of([&] { append_number(text, NAN); }).kind() == ErrorKind::invalid_argument);
  CHECK(testing::error_of([&] { append_number(text, -INFINITY); }).kind() ==
        ErrorKind::invalid_argument);
}

}  // namespace
}  // namespace llm2clip
