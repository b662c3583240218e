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

/// Panels and rows of a tile: their sums, and a row of the panels, fill the 16 or 32 registers that
/// there are.
template <std::size_t bytes>
constexpr int kPanels = bytes == 64 ? 2 : 1;
template <std::size_t bytes>
constexpr int kMostRows = bytes == 64   ? 12
                          : bytes == 32 ? 6
                                        : 2;

/// What is between a row and the next one of `a`: not a power of two, or rows would push one
/// another out of the first cache (a seventh slower).
constexpr std::int64_t kRowStride = panel::kDepth + 16;
/// The same of panels.
constexpr std::int64_t kPanelStride = panel::kDepth * panel::kWidth;

/// `element` in every lane, with its bits as they are.
template <std::size_t bytes>
LLM2CLIP_INLINE panel::Floats<bytes> everywhere(const float& element) {
  std::uint32_t bits;
  std::memcpy(&bits, &element, sizeof bits);
  return __builtin_bit_cast(panel::Floats<bytes>, bits - panel::Words<bytes>{});
}

/// total + value * factors: of floats, or of both bfloat16 of each pair. The instruction itself, as
/// in panel.h. By value, or GCC 12 keeps the sums in memory.
template <panel::Elements elements, std::size_t bytes>
LLM2CLIP_INLINE panel::Floats<bytes> with_products(panel::Floats<bytes> total,
                                                   panel::Floats<bytes> value,
                                                   panel::Floats<bytes> factors) {
  if constexpr (elements == panel::Elements::floats) {
    total += value * factors;
  } else {
    asm("vdpbf16ps %2, %1, %0" : "+v"(total) : "v"(value), "v"(factors));
  }
  return total;
}

/// For each of `panels` panels, sums[row][column] (+)= the sum over k < count of a[row][k]
/// panel[k][column], of floats or of pairs; `sums_stride` is between the sums of one panel and the
/// next. Each sum is taken in the order of k, whatever rows and panels there are beside it.
template <std::size_t bytes, panel::Elements elements, int rows, int panels>
LLM2CLIP_INLINE void multiply_rows(const float* a, const float* panel, std::int64_t count, bool add,
                                   float* sums, std::int64_t sums_stride) {
  using Floats = panel::Floats<bytes>;
  constexpr std::int64_t kLanes = bytes / sizeof(float);
  constexpr int kInPanel = panel::kWidth / kLanes;
  constexpr int kParts = panels * kInPanel;
  Floats total[rows][kParts] = {};
  for (std::int64_t k = 0; k < count; ++k) {
    Floats factors[kParts];
#pragma GCC unroll 4
    for (int part = 0; part < kParts; ++part) {
      const float* from =
          panel + part / kInPanel * kPanelStride + part % kInPanel * kLanes + k * panel::kWidth;
      std::memcpy(&factors[part], from, bytes);
    }
#pragma GCC unroll 16
    for (int row = 0; row < rows; ++row) {
      const Floats value = everywhere<bytes>(a[row * kRowStride + k]);
#pragma GCC unroll 4
      for (int part = 0; part < kParts; ++part) {
        total[row][part] = with_products<elements, bytes>(total[row][part], value, factors[part]);
      }
    }
  }
#pragma GCC unroll 16
  for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 4
    for (int part = 0; part < kParts; ++part) {
      float* to =
          sums + part / kInPanel * sums_stride + row * panel::kWidth + part % kInPanel * kLanes;
      Floats before = {};
      if (add) std::memcpy(&before, to, bytes);
      total[row][part] += before;
      std::memcpy(to, &total[row][part], bytes);
    }
  }
}

/// The same for `rows` of 1 to kMostRows rows, and `panels` of 1 to kPanels.
template <std::size_t bytes, panel::Elements elements, int most = kMostRows<bytes>>
LLM2CLIP_INLINE void multiply_some(int rows, int panels, const float* a, const float* panel,
                                   std::int64_t count, bool add, float* sums,
                                   std::int64_t sums_stride) {
  if (rows == most && panels == kPanels<bytes>) {
    multiply_rows<bytes, elements, most, kPanels<bytes>>(a, panel, count, add, sums, sums_stride);
  } else if (rows == most) {
    multiply_rows<bytes, elements, most, 1>(a, panel, count, add, sums, sums_stride);
  } else if constexpr (most > 1) {
    multiply_some<bytes, elements, most - 1>(rows, panels, a, panel, count, add, sums, sums_stride);
  }
}

}  // namespace llm2clip::tile

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
