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

}  // namespace llm2clip
