#include "text/special_tokens.h"

#include "support/catch.h"

namespace llm2clip {
namespace {

const SpecialTokenFinder kFinder({{"<|a|>", 1}, {"<|a|>b", 2}, {"|a", 3}, {"\u00E9", 4}});

TEST_CASE("the leftmost special token is found, and the longest there", "[text][special_tokens]") {
  const SpecialMatch match = kFinder.find("x<|a|>bc", 0);
  CHECK(match.begin == 1);
  CHECK(match.size == 6);
  CHECK(match.id == 2);
  CHECK(kFinder.find("<|a|>c", 0).id == 1);
  CHECK(kFinder.find("<|a<|a|>", 0).id == 3);
  CHECK(kFinder.find("caf\u00E9", 0).begin == 3);
}

TEST_CASE("what only begins like a special token is text", "[text][special_tokens]") {
  CHECK(kFinder.find("<<<| a|>", 0).begin == std::string_view::npos);
  CHECK(kFinder.find("", 0).begin == std::string_view::npos);
  CHECK(kFinder.find("<|a|", 1).id == 3);
  CHECK(SpecialTokenFinder({}).find("<|a|>", 0).begin == std::string_view::npos);
}

}  // namespace
}  // namespace llm2clip
