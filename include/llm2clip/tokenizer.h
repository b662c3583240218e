#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "llm2clip/export.h"
#include "llm2clip/from_string.h"

namespace llm2clip {

/// The words around a text that the text tower was trained with.
///
/// The text tower sees prefix + text + suffix; only the tokens of text + suffix are averaged.
struct Prompt {
  std::string prefix;  ///< before the text
  std::string suffix;  ///< behind it; averaged with it
  /// Joins instruction and text in the reference (llm2vec), which later splits on it. A text that
  /// contains it is treated as the reference treats it: see docs/numerics.md.
  std::string separator = "!@#$%^&*()";
};

/// The prompt of Llama-3 Instruct models, the one every published LLM2CLIP text tower uses.
LLM2CLIP_API Prompt llama3_prompt();

/// A text as the text tower gets it.
struct Tokens {
  std::vector<std::int64_t> ids;  ///< T ids, beginning-of-text included
  int pooled = 0;                 ///< how many, counted from the end, are averaged; 0 means all
  bool truncated = false;         ///< the text had more tokens than it may have, and lost its end
};

/// What a special token is that is written in a text, such as `<|eot_id|>`.
enum class SpecialTokens {
  parse,   ///< the token, as in the reference; it affects the row of that text alone
  literal  ///< its letters; only the prompt and beginning-of-text bring special tokens
};

/// "parse", "literal".
LLM2CLIP_API const char* to_string(SpecialTokens special_tokens);
template <>
LLM2CLIP_API SpecialTokens from_string(std::string_view name);  ///< of that name

/// What a text tower expects of its tokens.
struct TokenizerOptions {
  Prompt prompt = llama3_prompt();  ///< around every text
  int max_tokens = 512;  ///< T at the most, beginning-of-text included; the rest is cut off
  /// llm2vec's doc_max_length: a text that is more tokens than this by itself loses words from its
  /// end, and the rest is joined by single spaces. A text of one long word may lose everything. At
  /// max_tokens or above nothing is shortened.
  int doc_max_length = std::numeric_limits<int>::max();
  /// Changes the ids of texts that have special tokens written in them, and of no others. Makes no
  /// difference to SentencePiece, which never reads its control tokens from a text.
  SpecialTokens special_tokens = SpecialTokens::parse;
};

/// Byte-level BPE from a tokenizer.json, or SentencePiece from a tokenizer.model.
///
///   auto tokenizer = llm2clip::Tokenizer::load("tokenizer.json");
///   llm2clip::Tokens tokens = tokenizer.encode("a dog");
///
/// Does not change after load(); const methods may be called from several threads.
class LLM2CLIP_API Tokenizer {
 public:
  /// Throws Error(bad_model) naming the file and the part of it that cannot be used, or
  /// Error(invalid_argument) for max_tokens that leave no room for a text, and for
  /// SpecialTokens::literal where letters of a special token are that token all the same.
  static Tokenizer load(const std::filesystem::path& path, const TokenizerOptions& options = {});
  /// The same of the content of such a file; `name` stands for it in messages. Nothing is kept of
  /// `content`.
  static Tokenizer parse(std::string_view content, const std::string& name,
                         const TokenizerOptions& options = {});

  /// What was moved from may only be destroyed or assigned to.
  Tokenizer(Tokenizer&&) noexcept;
  /// Lets go of the tokenizer that was here.
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// The text inside its prompt. Throws Error(unreadable_input) for a text that is not UTF-8, or
  /// gives no tokens where neither prompt nor tokenizer puts any around it.
  Tokens encode(std::string_view text) const;

  /// The ids of the bare text: no prompt, no beginning-of-text, nothing cut. Throws
  /// Error(unreadable_input) for a text that is not UTF-8.
  std::vector<std::int64_t> encode_raw(std::string_view text) const;

  /// The bytes that `id` stands for; not always whole UTF-8. Throws Error(invalid_argument).
  std::string piece(std::int64_t id) const;

  /// What it was loaded with.
  const TokenizerOptions& options() const;

  /// Number of ids, special tokens included.
  std::int64_t vocabulary_size() const;

 private:
  struct LLM2CLIP_LOCAL Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace llm2clip
