#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llm2clip {

/// A token that is matched in the raw text, before anything else happens to it.
struct SpecialToken {
  std::string content;
  std::int64_t id = 0;
};

/// Where a special token stands in a text.
struct SpecialMatch {
  std::size_t begin = std::string_view::npos;  ///< npos: nowhere
  std::size_t size = 0;
  std::int64_t id = 0;
};

/// Finds special tokens as tokenizers' AddedVocabulary does: leftmost, and the longest there.
class SpecialTokenFinder {
 public:
  /// Contents are not empty and differ.
  explicit SpecialTokenFinder(std::vector<SpecialToken> tokens);

  /// The first match at `from` or after it.
  SpecialMatch find(std::string_view text, std::size_t from) const;

 private:
  SpecialMatch longest_at(std::string_view text, std::size_t at) const;

  std::vector<SpecialToken> tokens_;  // sorted by content
  std::string first_bytes_;           // of the contents, each once
};

}  // namespace llm2clip
