#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "llm2clip/tokenizer.h"

namespace llm2clip {

/// Texts of one token count that go through the text tower together: indices into the caller's
/// tokens.
struct TokenBatch {
  std::size_t token_count = 0;    ///< T
  std::vector<std::size_t> rows;  ///< B indices
};

/// Groups texts of equal token count, longest first, at most `batch_tokens` tokens a batch (but
/// always at least one text). Every index of `texts` is in exactly one batch.
///
/// Note [Equal lengths]: the reference pads on the left and masks; with equal lengths there is
/// nothing to pad or mask, and a text's row does not depend on its company.
std::vector<TokenBatch> equal_length_batches(std::span<const Tokens> texts,
                                             std::size_t batch_tokens);
/// The same of the texts that `rows` names, without the others.
std::vector<TokenBatch> equal_length_batches(std::span<const Tokens> texts,
                                             std::vector<std::size_t> rows,
                                             std::size_t batch_tokens);

/// Texts that are equal, token by token and in what is pooled, and so have equal rows.
struct EqualTexts {
  std::vector<std::size_t> first_of;  ///< for each text the first that is equal to it
  std::vector<std::size_t> distinct;  ///< the texts that are the first of theirs, in order
};
EqualTexts find_equal_texts(std::span<const Tokens> texts);

}  // namespace llm2clip
