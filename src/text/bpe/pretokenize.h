#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace llm2clip {

/// How a published tokenizer.json splits texts, done by hand: linear in the text and without
/// recursion, which no regex engine promises.
struct SplitPattern {
  enum class Family : std::uint8_t {
    llama3,  ///< a Split with Llama 3's regex or one of its kind
    gpt2,    ///< a ByteLevel with use_regex, whose regex is GPT-2's
  };

  Family family = Family::llama3;
  int longest_number = 3;     ///< llama3: digits in a piece, \p{N}{1,3} (Llama 3) or \p{N} (Qwen 2)
  bool digits_apart = false;  ///< gpt2: a Digits with individual_digits goes first (SmolLM2)
};

/// The pattern of this regex, if it is one of those known here.
std::optional<SplitPattern> find_split_pattern(std::string_view regex);

/// Size in bytes of the first piece of a text that is valid UTF-8 and not empty. The pieces of a
/// text are found by cutting off the first again and again: no pattern looks behind.
std::size_t first_piece_size(std::string_view text, const SplitPattern& pattern);

}  // namespace llm2clip
