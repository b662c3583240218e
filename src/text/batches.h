#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "llm2clip/tokenizer.h"

namespace llm2clip {

/// Texts that go through the text tower together: indices into the caller's tokens, the longest
/// first.
using TokenBatch = std::vector<std::size_t>;

/// Which texts may share a batch.
enum class Lengths {
  equal,  ///< those of one token count
  any,    ///< all
};

/// Groups texts, longest first, at most `batch_tokens` tokens a batch (but always at least one
/// text). Every index of `texts` is in exactly one batch.
///
/// Note [No padding]: the reference pads on the left and masks. Texts of equal length need neither,
/// and those of any length are laid one behind the other where the tower takes that
/// (encoder/cpu/token_counts.h). Either way a text's row does not depend on its company.
std::vector<TokenBatch> token_batches(std::span<const Tokens> texts, Lengths lengths,
                                      std::size_t batch_tokens);
/// The same of the texts that `rows` names, without the others.
std::vector<TokenBatch> token_batches(std::span<const Tokens> texts, std::vector<std::size_t> rows,
                                      Lengths lengths, std::size_t batch_tokens);

/// Texts that are equal, token by token and in what is pooled, and so have equal rows.
struct EqualTexts {
  std::vector<std::size_t> first_of;  ///< for each text the first that is equal to it
  std::vector<std::size_t> distinct;  ///< the texts that are the first of theirs, in order
};
EqualTexts find_equal_texts(std::span<const Tokens> texts);

}  // namespace llm2clip
