#include "text/pretokenize.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "support/catch.h"
#include "text/unicode_tables.h"
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

// The regex itself, run by PCRE2. PCRE2 has Unicode tables of another age than the reference, and
// its \s holds U+180E, so the classes are spelled out from our tables; tests/text/test_tokenizer.py
// compares those with the reference code point by code point.
class Oracle {
 public:
  explicit Oracle(std::string regex) {
    regex = spell_out_classes(regex);
    int error = 0;
    PCRE2_SIZE offset = 0;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(regex.data()), regex.size(), PCRE2_UTF,
                              &error, &offset, nullptr));
    if (code_ == nullptr) FAIL("PCRE2: error " << error << " at " << offset << " of " << regex);
    pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);
    match_.reset(pcre2_match_data_create_from_pattern(code_.get(), nullptr));
  }

  Pieces split(const std::string& text) const {
    Pieces pieces;
    for (std::size_t at = 0; at < text.size();) {
      const int found = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                                    text.size(), at, PCRE2_NO_UTF_CHECK, match_.get(), nullptr);
      const PCRE2_SIZE* range = pcre2_get_ovector_pointer(match_.get());
      if (found < 0 || range[0] != at || range[1] == at) FAIL("PCRE2: " << found << " at " << at);
      pieces.push_back(text.substr(at, range[1] - at));
      at = range[1];
    }
    return pieces;
  }

 private:
  // \p{L}, \p{N}, \s and \S as lists of ranges, with brackets of their own where they stand
  // outside.
  static std::string spell_out_classes(const std::string& regex) {
    const std::map<std::string, std::string> classes = {
        {R"(\p{L})", class_text(letter_ranges())},
        {R"(\p{N})", class_text(number_ranges())},
        {R"(\s)", class_text(space_ranges())},
        {R"(\S)", "^" + class_text(space_ranges())}};
    std::string result;
    bool inside = false;
    for (std::size_t at = 0; at < regex.size();) {
      const auto found = std::find_if(classes.begin(), classes.end(), [&](const auto& entry) {
        return regex.compare(at, entry.first.size(), entry.first) == 0;
      });
      if (found != classes.end()) {
        result += inside ? found->second : "[" + found->second + "]";
        at += found->first.size();
        continue;
      }
      if (regex[at] == '[') inside = true;
      if (regex[at] == ']') inside = false;
      result += regex[at++];
    }
    return result;
  }

  static std::string class_text(std::span<const CodePointRange> ranges) {
    std::string text;
    char range[40];
    for (const auto& [first, last] : ranges) {
      std::snprintf(range, sizeof range, "\\x{%X}-\\x{%X}", first, last);
      text += range;
    }
    return text;
  }

  std::unique_ptr<pcre2_code, decltype(&pcre2_code_free)> code_{nullptr, pcre2_code_free};
  std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match_{nullptr,
                                                                             pcre2_match_data_free};
};

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
    const Oracle oracle(regex);
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
  const Oracle oracle(kLlama3);
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
