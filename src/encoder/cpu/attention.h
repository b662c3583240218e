#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

namespace llm2clip {

/// Whether this processor and this LibTorch have the blocks of products that attend() is made of.
bool can_attend(at::ScalarType type);

/// softmax(scale * query key^T) value, every token looking at every token.
///
///   query    (B, heads, T, d)     float32 or bfloat16, any strides with the last one 1
///   key      (B, kv_heads, N, d)  each serves heads / kv_heads neighboring query heads
///   value    (B, kv_heads, N, d)
///   token_counts  with B = 1 and N = T: so many neighboring tokens look at one another alone,
///                 the next so many at one another, ...; empty: all of a row do
///   returns  (B, T, heads * d), contiguous
///
/// Scores, softmax and sums are float32; the weights of the values are rounded to the inputs' type
/// before they are multiplied, as LibTorch's flash attention does. A row's bits do not depend on B
/// or on other tokens than those it looks at.
at::Tensor attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                  double scale, std::span<const std::int64_t> token_counts = {});

}  // namespace llm2clip
