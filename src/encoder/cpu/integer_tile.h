#pragma once

#include <cstdint>
#include <cstring>

#include "encoder/cpu/panel.h"
#include "encoder/cpu/tile.h"

// Products of a few rows of integers with a panel of integers: exact within a group, and scaled
// then by what the group of the row and the group of the column are multiplied with.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace llm2clip::integer_tile {

/// Of a block: its groups, the last of which may be shorter.
struct Groups {
  std::int64_t elements;  ///< of a column of the block
  std::int64_t elements_in_group;
  const float* scales;  ///< [panel][group][kWidth], `stride` from one panel to the next
  const float* minimums;
  std::int64_t stride;
  const float* row_scales;  ///< [row][group], `row_stride` from one row to the next
  const float* row_sums;    ///< the same: of a group's integers, scaled
  const float* row_starts;  ///< the same, as the bits of an integer: that, with which sums begin
  std::int64_t row_stride;
};

/// total + the products of the integers of each element in 32 bits. Of bytes that are not
/// fused in 16, those of the first two and of the last two, and 32 values of four bits fit:
/// 8 * 2 * 15 * 127 < 2^15. The instructions themselves: the compiler does not find them.
template <panel::Elements elements, panel::Unit unit, std::size_t bytes>
LLM2CLIP_INLINE panel::Integers<bytes> with_products(panel::Integers<bytes> total,
                                                     panel::Integers<bytes> value,
                                                     panel::Integers<bytes> factors) {
#if LLM2CLIP_LEVELS
  constexpr bool fused = unit == panel::Unit::fused;
  if constexpr (bytes == 32 && fused && elements == panel::Elements::bytes) {
    asm("%{vex%} vpdpbusd %1, %2, %0" : "+x"(total) : "x"(value), "x"(factors));
    return total;
  } else if constexpr (bytes == 32 && fused) {
    asm("%{vex%} vpdpwssd %2, %1, %0" : "+x"(total) : "x"(value), "x"(factors));
    return total;
  } else if constexpr (bytes > 16) {
    if constexpr (fused && elements == panel::Elements::bytes) {
      asm("vpdpbusd %1, %2, %0" : "+v"(total) : "v"(value), "v"(factors));
      return total;
    } else if constexpr (fused) {
      asm("vpdpwssd %2, %1, %0" : "+v"(total) : "v"(value), "v"(factors));
      return total;
    } else if constexpr (elements == panel::Elements::bytes) {
      panel::Integers<bytes> products;
      asm("vpmaddubsw %2, %3, %1\n\tvpaddw %1, %0, %0"
          : "+v"(total), "=&v"(products)
          : "v"(value), "v"(factors));
      return total;
    } else {
      panel::Integers<bytes> products;
      asm("vpmaddwd %2, %1, %0" : "=v"(products) : "v"(value), "v"(factors));
      return total + products;
    }
  }
#endif
  return total + ((value << 16) >> 16) * ((factors << 16) >> 16) + (value >> 16) * (factors >> 16);
}

/// total + value * factor, rounded once. The instruction itself: what the compiler makes of a sum
/// of two products differs between tiles of more and fewer rows, and so would a row's bits.
template <std::size_t bytes>
LLM2CLIP_INLINE panel::Floats<bytes> fused_sum(panel::Floats<bytes> total,
                                               panel::Floats<bytes> value,
                                               panel::Floats<bytes> factor) {
#if LLM2CLIP_LEVELS
  if constexpr (bytes > 16) {
    asm("vfmadd231ps %2, %1, %0" : "+v"(total) : "v"(value), "v"(factor));
    return total;
  }
#endif
  return total + value * factor;
}

/// The sum of each lane, of with_products().
template <panel::Elements elements, panel::Unit unit, std::size_t bytes>
LLM2CLIP_INLINE panel::Integers<bytes> sums_of(panel::Integers<bytes> total) {
  if constexpr (unit == panel::Unit::fused || elements != panel::Elements::bytes) return total;
  const panel::Integers<bytes> ones = panel::Integers<bytes>{} + 0x00010001;
  return with_products<panel::Elements::integers, unit, bytes>(panel::Integers<bytes>{}, total,
                                                               ones);
}

/// For each of `panels` panels, sums[row][column] (+)= the sum over groups of
/// row_scale (scale * sum of a[row][k] panel[k][column]) + row_sum * minimum. Each sum is taken in
/// the order of the groups, whatever rows and panels there are beside it.
template <std::size_t bytes, panel::Elements elements, panel::Unit unit, int rows, int panels>
// Straight line: between functions GCC 12 keeps the sums in memory.
LLM2CLIP_INLINE void multiply_rows(const float* a, const float* panel, const Groups& groups,
                                   bool add, float* sums, std::int64_t sums_stride) {
  using Floats = panel::Floats<bytes>;
  using Integers = panel::Integers<bytes>;
  constexpr std::int64_t kLanes = bytes / sizeof(float);
  constexpr int kInPanel = panel::kWidth / kLanes;
  constexpr int kParts = panels * kInPanel;
  std::int64_t group = 0;
  for (std::int64_t begin = 0; begin < groups.elements;
       begin += groups.elements_in_group, ++group) {
    const std::int64_t end = std::min(groups.elements, begin + groups.elements_in_group);
    Integers total[rows][kParts] = {};
    if constexpr (unit == panel::Unit::fused && elements == panel::Elements::bytes) {
#pragma GCC unroll 16
      for (int row = 0; row < rows; ++row) {
        const float& start = groups.row_starts[row * groups.row_stride + group];
#pragma GCC unroll 4
        for (int part = 0; part < kParts; ++part) {
          total[row][part] = __builtin_bit_cast(Integers, tile::everywhere<bytes>(start));
        }
      }
    }
    for (std::int64_t k = begin; k < end; ++k) {
      Integers factors[kParts];
#pragma GCC unroll 4
      for (int part = 0; part < kParts; ++part) {
        std::memcpy(&factors[part],
                    panel + part / kInPanel * tile::kPanelStride + part % kInPanel * kLanes +
                        k * panel::kWidth,
                    bytes);
      }
#pragma GCC unroll 16
      for (int row = 0; row < rows; ++row) {
        const auto value =
            __builtin_bit_cast(Integers, tile::everywhere<bytes>(a[row * tile::kRowStride + k]));
#pragma GCC unroll 4
        for (int part = 0; part < kParts; ++part) {
          total[row][part] =
              with_products<elements, unit, bytes>(total[row][part], value, factors[part]);
        }
      }
    }
    Floats scales[kParts], minimums[kParts];
#pragma GCC unroll 4
    for (int part = 0; part < kParts; ++part) {
      const std::int64_t at =
          part / kInPanel * groups.stride + group * panel::kWidth + part % kInPanel * kLanes;
      std::memcpy(&scales[part], groups.scales + at, bytes);
      std::memcpy(&minimums[part], groups.minimums + at, bytes);
    }
#pragma GCC unroll 16
    for (int row = 0; row < rows; ++row) {
      const std::int64_t of_row = row * groups.row_stride + group;
      const Floats row_scale = tile::everywhere<bytes>(groups.row_scales[of_row]);
      const Floats row_sum = tile::everywhere<bytes>(groups.row_sums[of_row]);
#pragma GCC unroll 4
      for (int part = 0; part < kParts; ++part) {
        float* to =
            sums + part / kInPanel * sums_stride + row * panel::kWidth + part % kInPanel * kLanes;
        Floats sum = {};
        if (add || group > 0) std::memcpy(&sum, to, bytes);
        const Floats exact =
            __builtin_convertvector(sums_of<elements, unit, bytes>(total[row][part]), Floats);
        sum = fused_sum<bytes>(sum, exact * scales[part], row_scale);
        sum = fused_sum<bytes>(sum, minimums[part], row_sum);
        std::memcpy(to, &sum, bytes);
      }
    }
  }
}

/// The same for `rows` of 1 to tile::kMostRows rows, and `panels` of 1 to tile::kPanels.
template <std::size_t bytes, panel::Elements elements, panel::Unit unit,
          int most = tile::kMostRows<bytes>>
LLM2CLIP_INLINE void multiply_some(int rows, int panels, const float* a, const float* panel,
                                   const Groups& groups, bool add, float* sums,
                                   std::int64_t sums_stride) {
  if (rows == most && panels == tile::kPanels<bytes>) {
    multiply_rows<bytes, elements, unit, most, tile::kPanels<bytes>>(a, panel, groups, add, sums,
                                                                     sums_stride);
  } else if (rows == most) {
    multiply_rows<bytes, elements, unit, most, 1>(a, panel, groups, add, sums, sums_stride);
  } else if constexpr (most > 1) {
    multiply_some<bytes, elements, unit, most - 1>(rows, panels, a, panel, groups, add, sums,
                                                   sums_stride);
  }
}

}  // namespace llm2clip::integer_tile

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
