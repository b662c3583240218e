#pragma once

#include <cstddef>
#include <span>
#include <utility>
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
  /// The rows that lie in `values`, which is kept as it is: move it in and nothing is copied.
  /// Throws Error(invalid_argument) unless there are rows * dim of them.
  LLM2CLIP_API Embeddings(std::size_t rows, std::size_t dim, std::vector<float> values);

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
  /// The components themselves, for a program that goes on with them; no rows are left here.
  std::vector<float> release() noexcept {
    rows_ = 0;
    return std::exchange(values_, {});
  }

 private:
  std::size_t rows_ = 0;
  std::size_t dim_ = 0;
  std::vector<float> values_;
};

/// Rows that lie in memory of the program's, or of Embeddings; copies nothing and owns nothing.
class EmbeddingsView {
 public:
  /// While `embeddings` lives and is not assigned to.
  EmbeddingsView(const Embeddings& embeddings) noexcept
      : rows_(embeddings.rows()), dim_(embeddings.dim()), values_(embeddings.values()) {}
  /// Throws Error(invalid_argument) unless there are rows * dim values.
  LLM2CLIP_API EmbeddingsView(std::size_t rows, std::size_t dim, std::span<const float> values);

  /// How many rows.
  std::size_t rows() const noexcept { return rows_; }
  /// How many components a row has.
  std::size_t dim() const noexcept { return dim_; }
  /// The dim() components of one row. `row` must be below rows(); it is not checked.
  std::span<const float> operator[](std::size_t row) const {
    return values_.subspan(row * dim_, dim_);
  }
  /// All rows * dim components.
  std::span<const float> values() const noexcept { return values_; }

 private:
  std::size_t rows_;
  std::size_t dim_;
  std::span<const float> values_;
};

}  // namespace llm2clip
