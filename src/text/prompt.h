#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "llm2clip/tokenizer.h"
#include "text/token_model.h"

namespace llm2clip {

/// What llm2vec makes of a text before it tokenizes.
struct PromptedText {
  std::string seen;          ///< what the text encoder sees
  LiteralBytes seen_text;    ///< where the text itself is in it, without its prompt
  std::string pooled;        ///< what is tokenized alone, to count the tokens that are averaged
  LiteralBytes pooled_text;  ///< where the text itself is in it
};

/// Reproduces llm2vec.py: `_convert_to_str("", text)`, `prepare_for_tokenization` and the split in
/// `tokenize`. `text` is valid UTF-8, the separator is not empty.
PromptedText apply_prompt(const Prompt& prompt, std::string_view text);

/// Python's " ".join(text.split()[:count]), and how many words text.split() gives.
std::string first_words(std::string_view text, std::size_t count);
std::size_t count_words(std::string_view text);

/// Python's str.strip(): both ends, its own set of white space. `text` is valid UTF-8.
std::string_view strip(std::string_view text);

}  // namespace llm2clip
