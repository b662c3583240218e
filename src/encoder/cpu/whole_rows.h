#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace llm2clip {

/// With how many rows a product of `rows` rows is computed.
///
/// Note [Whole rows]: oneDNN compiles kernels for every number of rows that a weight meets, about a
/// megabyte and some milliseconds each, and keeps a thousand of them. Texts come in any number of
/// tokens; their products are computed with a few more rows, so that few numbers occur. More than a
/// thousand rows come from images, of which all have the same number.
std::int64_t whole_rows(std::int64_t rows);

/// at::empty(sizes) of (..., K), with zeros behind it for as_whole_rows().
at::Tensor empty_rows(at::IntArrayRef sizes, const at::TensorOptions& options);

/// x (..., K) as (whole_rows, K), where the last rows are any: the memory of `x` and what lies
/// behind it in its storage, or a copy where that is not enough.
at::Tensor as_whole_rows(const at::Tensor& x);

}  // namespace llm2clip
