#pragma once

#include <cstdint>
#include <cstring>

#include "encoder/cpu/panel.h"

// Products of a few rows with a panel (panel.h), whose sums stay in registers.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace llm2clip::tile {

/// Rows of a tile: their sums, and a row of the panel, fill the 16 or 32 registers that there are.
template <std::size_t bytes>
constexpr int kMostRows = bytes == 64   ? 14
                          : bytes == 32 ? 6
                                        : 2;

/// What is between a row and the next one of `a`: not a power of two, or rows would push one
/// another out of the first cache (a seventh slower).
constexpr std::int64_t kRowStride = panel::kDepth + 16;

/// sums[row][column] (+)= the sum over k < count of a[row][k] panel[k][column]. Each sum is taken
/// in the order of k, whatever rows there are beside it.
template <std::size_t bytes, int rows>
LLM2CLIP_INLINE void multiply_rows(const float* a, const float* panel, std::int64_t count, bool add,
                                   float* sums) {
  using Floats [[gnu::vector_size(bytes)]] = float;
  constexpr std::int64_t kLanes = bytes / sizeof(float);
  constexpr int kParts = panel::kWidth / kLanes;
  Floats total[rows][kParts] = {};
  for (std::int64_t k = 0; k < count; ++k) {
    Floats factors[kParts];
#pragma GCC unroll 4
    for (int part = 0; part < kParts; ++part) {
      std::memcpy(&factors[part], panel + k * panel::kWidth + part * kLanes, bytes);
    }
#pragma GCC unroll 16
    for (int row = 0; row < rows; ++row) {
      const float value = a[row * kRowStride + k];
#pragma GCC unroll 4
      for (int part = 0; part < kParts; ++part) total[row][part] += value * factors[part];
    }
  }
#pragma GCC unroll 16
  for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 4
    for (int part = 0; part < kParts; ++part) {
      float* to = sums + row * panel::kWidth + part * kLanes;
      Floats before = {};
      if (add) std::memcpy(&before, to, bytes);
      total[row][part] += before;
      std::memcpy(to, &total[row][part], bytes);
    }
  }
}

/// The same for `rows` of 1 to kMostRows rows.
template <std::size_t bytes, int most = kMostRows<bytes>>
LLM2CLIP_INLINE void multiply_some(int rows, const float* a, const float* panel, std::int64_t count,
                                   bool add, float* sums) {
  if (rows == most) {
    multiply_rows<bytes, most>(a, panel, count, add, sums);
  } else if constexpr (most > 1) {
    multiply_some<bytes, most - 1>(rows, a, panel, count, add, sums);
  }
}

}  // namespace llm2clip::tile

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
