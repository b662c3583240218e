#include "base/base64.h"

#include <string>

#include "support/catch.h"

using llm2clip::base64;
using llm2clip::decode_base64;

TEST_CASE("base64 gives the vectors of RFC 4648", "[base64]") {
  CHECK(base64("").empty());
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foo") == "Zm9v");
  CHECK(base64("foobar") == "Zm9vYmFy");
  CHECK(base64("\xff\xfe") == "//4=");
}

TEST_CASE("base64 of any length is read back", "[base64]") {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    const auto read = decode_base64(base64(bytes));
    REQUIRE(read);
    CHECK(std::string(read->begin(), read->end()) == bytes);
    bytes += static_cast<char>(i * 37);
  }
}

TEST_CASE("what is not base64 is none", "[base64]") {
  for (const char* text : {"A", "AA", "AAA", "A===", "====", "=AAA", "AA=A", "AAA\n", "AA AA",
                           "AAA-", "AA==AAAA", "AAA\xff"}) {
    INFO(text);
    CHECK(!decode_base64(text));
  }
  CHECK(decode_base64("")->empty());
}
