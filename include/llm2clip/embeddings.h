#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "llm2clip/export.h"

namespace llm2clip {

/// Rows of float32, row-major: component j of row i is values()[i * dim() + j].
/// Takes rows * dim * 4 bytes.
class Embeddings {
 public:
  /// No rows, of no components.
  Embeddings() = default;
  /// `rows` rows of zeros. Throws Error(out_of_memory) when memory does not suffice for them.
  LLM2CLIP_API Embeddings(std::size_t rows, std::size_t dim);

  /// How many rows.
  std::size_t rows() const noexcept { return rows_; }
  /// How many components a row has: D, or H for caption embeddings.
  std::size_t dim() const noexcept { return dim_; }

  /// The dim() components of one row, while this object lives and is not assigned to. `row` must be
  /// below rows(); it is not checked.
  std::span<const float> operator[](std::size_t row) const {
    return std::span(values_).subspan(row * dim_, dim_);
  }
  /// The same, to be written to.
  std::span<float> operator[](std::size_t row) {
    return std::span(values_).subspan(row * dim_, dim_);
  }
  /// All rows * dim components.
  std::span<const float> values() const noexcept { return values_; }

 private:
  std::size_t rows_ = 0;
  std::size_t dim_ = 0;
  std::vector<float> values_;
};

}  // namespace llm2clip
