#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "encoder/cpu/panel.h"
#include "encoder/cpu/tile.h"

namespace llm2clip {

/// Rows in integers of 8 or 16 bits with a scale for each group of values, in the order in which
/// integer_tile.h reads them. No row changes another one.
class RoundedRows {
 public:
  static constexpr std::int64_t kLeastGroup = 16;
  /// Of a block: as many values as a column of a panel has.
  static constexpr std::int64_t kMostGroups = 4 * panel::kDepth / kLeastGroup;

  struct Layout {
    panel::Elements elements;  ///< integers or bytes
    std::int64_t block;        ///< values of a block
    std::int64_t group;        ///< values, no more than a block has
    /// What the largest magnitude of a group becomes: 127 or, of elements that are integers, 32767.
    /// The sum of a block's products with int8 stays within 32 bits: 512 * 128 * 32767 < 2^31.
    int most;
    // Of bytes:
    bool in_turns;  ///< of eight neighbors every second one comes first, as int4 lies (panel.h)
    bool raised;    ///< the weight's bytes are 128 more than what they stand for
  };

  /// x (..., K) float32 or bfloat16, whose rows are neighbors (is_rows).
  RoundedRows(const at::Tensor& x, const Layout& layout);

  /// A row of a block and those after it.
  struct Rows {
    const float* values = nullptr;  ///< [row][tile::kRowStride]
    const float* scales = nullptr;  ///< [row][kMostGroups]
    const float* sums = nullptr;    ///< the same: of a group's integers, scaled
    const float* starts =
        nullptr;  ///< the same, as the bits of an integer: that, with which sums begin

    /// Those from the row `row` of them on.
    Rows from(std::int64_t row) const {
      Rows rows{values + row * tile::kRowStride};
      if (scales) {
        rows.scales = scales + row * kMostGroups;
        rows.sums = sums + row * kMostGroups;
        rows.starts = starts + row * kMostGroups;
      }
      return rows;
    }
  };
  Rows from(std::int64_t block, std::int64_t row) const;

 private:
  std::int64_t rows_;
  at::Tensor values_;  // (blocks, rows, tile::kRowStride)
  at::Tensor scales_;  // (blocks, rows, kMostGroups)
  at::Tensor sums_, starts_;
};

}  // namespace llm2clip
