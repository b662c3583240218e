#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "llm2clip/embeddings.h"

namespace llm2clip {

/// Rows in float16 times queries in float32, at the speed of memory for one query and of the
/// processor's multiplications for many.
///
/// Sums of products are rounded in an order that depends on the processor and on the number of
/// queries; error() bounds what that may change.
class RowProducts {
 public:
  /// A block of rows at a time: what lies in the second cache beside the queries.
  static constexpr std::size_t kMostRows = 48;

  explicit RowProducts(const EmbeddingsView& queries);

  std::size_t queries() const { return queries_; }
  /// How many scores a row has: the queries, and some that are none.
  std::size_t stride() const { return stride_; }
  /// The most by which a score of rows of unit length is wrong, for queries of unit length.
  float error() const;

  /// Memory of one thread.
  struct Scratch {
    std::vector<float> rows;    // widened
    std::vector<float> scores;  // (kMostRows, stride())
  };
  Scratch scratch() const;

  /// scores[r * stride() + q] of at most kMostRows rows.
  void multiply(const std::uint16_t* rows, std::size_t count, Scratch& scratch) const;

 private:
  std::size_t queries_;
  std::size_t dim_;
  std::size_t stride_;
  std::vector<float> values_;  // one query as it is; else in groups of columns, see the source
};

/// The dot product of one row with a query, or with another row, as RowProducts gives it.
float quick_product(const float* query, const std::uint16_t* row, std::size_t dim);
float quick_product(const std::uint16_t* first, const std::uint16_t* second, std::size_t dim);

/// The row in float32.
std::vector<float> widened(std::span<const std::uint16_t> row);

/// The dot product in float64, rounded once.
float exact_product(std::span<const float> query, std::span<const std::uint16_t> row);

}  // namespace llm2clip
