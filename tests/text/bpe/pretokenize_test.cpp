#include "text/bpe/pretokenize.h"

#include <random>
#include <string>
#include <vector>

#include "support/catch.h"
#include "text/split_oracle.h"
#include "text/utf8.h"

namespace llm2clip {
namespace {

using Pieces = std::vector<std::string>;

const std::string kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const std::string kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

Pieces split(std::string_view text, const std::string& regex = kLlama3) {
  const SplitPattern pattern = find_split_pattern(regex).value();
  Pieces pieces;
  while (!text.empty()) {
    const std::size_t size = first_piece_size(text, pattern);
    if (size == 0 || size > text.size()) FAIL("a piece of " << size << " bytes");
    pieces.emplace_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return pieces;
}

// A code point that the patterns care about, or one of any script.
std::uint32_t random_code_point(std::mt19937& random) {
  static const std::u32string kChosen =
      U"'''   \n\n\r\t\v\u0085\u00A0\u1680\u180E\u2003\u2028\u3000\uFEFF\u200D"
      U"sStTrReEvVmMlLdD\u017F\u212Aab\u00E9\u00DF\u0301\u4E2D\u0E01"
      U"0129\u0660\u00B2\u2167\u2460!?.-_<|>\u20AC\U0001F469\U0001F3FD";
  if (random() % 4 != 0) return kChosen[random() % kChosen.size()];
  const auto c =
      static_cast<std::uint32_t>(random() % 8 == 0 ? random() % 0x110000 : random() % 0x3100);
  return c >= 0xD800 && c <= 0xDFFF ? U'\u4E2D' : c;
}

TEST_CASE("the splits measured with the reference come out", "[text][pretokenize]") {
  CHECK(split(" Don'T") == Pieces{" Don", "'T"});
  CHECK(split("1234567") == Pieces{"123", "456", "7"});
  CHECK(split("a\n\n b\t\tc") == Pieces{"a", "\n\n", " b", "\t", "\tc"});
  CHECK(split("hello!!!\n\n x") == Pieces{"hello", "!!!\n\n", " x"});
  CHECK(split("'\u017Fabc") == Pieces{"'\u017F", "abc"});
  CHECK(split("e\u0301") == Pieces{"e", "\u0301"});
  CHECK(split("12ab", kQwen2) == Pieces{"1", "2", "ab"});
}

TEST_CASE("only known patterns are accepted, to the letter", "[text][pretokenize]") {
  CHECK(find_split_pattern(kLlama3)->longest_number == 3);
  CHECK(find_split_pattern(kQwen2)->longest_number == 1);
  CHECK_FALSE(find_split_pattern(kLlama3 + "|x").has_value());
  CHECK_FALSE(find_split_pattern("").has_value());
}

TEST_CASE("the scanner cuts as the regex does", "[text][pretokenize]") {
  std::mt19937 random(3);
  for (const std::string& regex : {kLlama3, kQwen2}) {
    const testing::SplitOracle oracle(regex);
    for (int round = 0; round < 100000; ++round) {
      std::string text;
      const std::size_t length = random() % (round % 100 == 0 ? 400 : 14);
      for (std::size_t i = 0; i < length; ++i) append_utf8(text, random_code_point(random));
      if (split(text, regex) != oracle.split(text)) {
        INFO(text);
        CHECK(split(text, regex) == oracle.split(text));
      }
    }
  }
}

TEST_CASE("the scanner cuts as the regex does around every code point", "[text][pretokenize]") {
  const testing::SplitOracle oracle(kLlama3);
  std::size_t differences = 0;
  for (std::uint32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text = "a";
    for (const char* after : {"b ", "1\n", " \n", "'", "s!"}) {
      append_utf8(text, c);
      text += after;
    }
    differences += split(text) != oracle.split(text) ? 1 : 0;
  }
  CHECK(differences == 0);
}

}  // namespace
}  // namespace llm2clip
