#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "encoder/cpu/panel.h"

namespace llm2clip {

/// Rows in integers of -127 to 127 with a scale for each group of values, in the order in which
/// integer_tile.h reads them. No row changes another one.
class RoundedRows {
 public:
  static constexpr std::int64_t kLeastGroup = 16;
  /// Of a block: as many values as a column of a panel has.
  static constexpr std::int64_t kMostGroups = 4 * panel::kDepth / kLeastGroup;

  /// x (..., K) float32 or bfloat16, whose rows are neighbors (is_rows). `elements`: integers or
  /// bytes. `group`: values, no more than a block has.
  RoundedRows(const at::Tensor& x, panel::Elements elements, std::int64_t group);

  /// A row of a block and those after it.
  struct Rows {
    const float* values;  ///< [row][tile::kRowStride]
    const float* scales;  ///< [row][kMostGroups]
    const float* sums;    ///< the same: of a group's integers, scaled
  };
  Rows from(std::int64_t block, std::int64_t row) const;

 private:
  std::int64_t rows_;
  at::Tensor values_;  // (blocks, rows, tile::kRowStride)
  at::Tensor scales_;  // (blocks, rows, kMostGroups)
  at::Tensor sums_;
};

}  // namespace llm2clip
