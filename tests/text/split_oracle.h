#pragma once

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "text/bpe/unicode_tables.h"

namespace llm2clip::testing {

/// The regex itself, run by PCRE2. PCRE2 has Unicode tables of another age than the reference, and
/// its \s holds U+180E, so the classes are spelled out from our tables;
/// tests/text/test_tokenizers.py compares those with the reference code point by code point.
class SplitOracle {
 public:
  explicit SplitOracle(std::string regex) {
    regex = spell_out_classes(regex);
    int error = 0;
    PCRE2_SIZE offset = 0;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(regex.data()), regex.size(), PCRE2_UTF,
                              &error, &offset, nullptr));
    if (code_ == nullptr)
      throw std::runtime_error("PCRE2: error " + std::to_string(error) + " of " + regex);
    pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);
    match_.reset(pcre2_match_data_create_from_pattern(code_.get(), nullptr));
  }

  std::vector<std::string> split(const std::string& text) const {
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < text.size();) {
      const int found = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                                    text.size(), at, PCRE2_NO_UTF_CHECK, match_.get(), nullptr);
      const PCRE2_SIZE* range = pcre2_get_ovector_pointer(match_.get());
      if (found < 0 || range[0] != at || range[1] == at)
        throw std::runtime_error("PCRE2: " + std::to_string(found));
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

}  // namespace llm2clip::testing
