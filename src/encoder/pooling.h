#pragma once

#include <ATen/core/Tensor.h>

#include <span>

namespace llm2clip {

/// Mean of the hidden states at the tokens that carry the caption.
///
///   hidden         (tokens, H)  any float type: texts one behind the other
///   token_counts   B counts: how many tokens are the first text's, the second's, ...
///   pooled_counts  B counts: how many of those, from the end, are averaged; 0 means all
///   returns        (B, H)       float32
///
/// Note [What is pooled]: caption and suffix (<|eot_id|>), never header or beginning-of-text,
/// unless the text is so long that the count reaches them (llm2vec.py: LLM2Vec.get_pooling). A
/// count of 0 comes from `[-0:]` there, which is the whole row.
///
/// Sums in float32: over hundreds of tokens a half-precision sum loses digits the score needs.
at::Tensor mean_pool(const at::Tensor& hidden, std::span<const int> token_counts,
                     std::span<const int> pooled_counts);

}  // namespace llm2clip
