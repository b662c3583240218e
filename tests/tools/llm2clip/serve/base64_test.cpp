#include "serve/api/base64.h"

#include <string>

#include "llm2clip/detail/command_line.h"
#include "support/catch.h"

using llm2clip::serve::decode_base64;

TEST_CASE("base64 of any length is read back", "[serve]") {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    const auto read = decode_base64(llm2clip::detail::base64(bytes));
    REQUIRE(read);
    CHECK(std::string(read->begin(), read->end()) == bytes);
    bytes += static_cast<char>(i * 37);
  }
}

TEST_CASE("what is not base64 is none", "[serve]") {
  for (const char* text : {"A", "AA", "AAA", "A===", "====", "=AAA", "AA=A", "AAA\n", "AA AA",
                           "AAA-", "AA==AAAA", "AAA\xff"}) {
    INFO(text);
    CHECK(!decode_base64(text));
  }
  CHECK(decode_base64("")->empty());
}
