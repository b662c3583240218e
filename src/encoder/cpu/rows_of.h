#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>

#include "encoder/cpu/parallel.h"
#include "encoder/cpu/vector.h"

namespace llm2clip {

/// A tensor (..., N) as rows of N values that lie side by side, `stride` apart.
template <typename Stored>
struct RowsOf {
  Stored* data;
  std::int64_t stride;

  explicit RowsOf(const at::Tensor& tensor)
      : data(static_cast<Stored*>(tensor.data_ptr())),
        stride(tensor.dim() > 1 ? tensor.stride(-2) : tensor.size(-1)) {}
  Stored* operator[](std::int64_t row) const { return data + row * stride; }
};

/// Whether RowsOf describes `tensor`: also a part of the columns of a contiguous one.
inline bool is_rows(const at::Tensor& tensor) {
  if (tensor.dim() < 1 || tensor.stride(-1) != 1) return false;
  for (std::int64_t axis = tensor.dim() - 2; axis > 0; --axis) {
    if (tensor.stride(axis - 1) != tensor.stride(axis) * tensor.size(axis)) return false;
  }
  return true;
}

inline bool is_vectorized(at::ScalarType type) {
  return type == at::kFloat || type == at::kBFloat16;
}

inline std::int64_t rows_in(const at::Tensor& tensor) {
  return tensor.size(-1) == 0 ? 0 : tensor.numel() / tensor.size(-1);
}

/// Calls `step(first, last)` for parts of `rows` rows of `width` values, on LibTorch's threads.
template <typename Step>
void for_rows(std::int64_t rows, std::int64_t width, const Step& step) {
  // Below this a thread costs more than it saves.
  constexpr std::int64_t kValuesPerThread = 16384;
  at::parallel_for(0, rows,
                   std::max<std::int64_t>(1, kValuesPerThread / std::max<std::int64_t>(width, 1)),
                   step);
}

}  // namespace llm2clip
