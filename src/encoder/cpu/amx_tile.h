#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "encoder/cpu/integer_tile.h"
#include "encoder/cpu/panel.h"
#include "encoder/cpu/tile.h"

// Products of 16 or 32 rows with one or two panels by AMX, whose registers are tiles: 16 rows of 64
// bytes. A panel's columns are laid out as such a tile wants its right factor, 16 elements deep.
// The instructions themselves: the level at which the loops are compiled does not have them.
//
// A tile always has 16 rows. Where a product has fewer, what lies behind them is multiplied, too,
// and nothing reads the sums: no row changes another one.
namespace llm2clip::amx_tile {

constexpr int kRows = 16;               ///< of a tile
constexpr int kMostRows = 2 * kRows;    ///< multiplied at once
constexpr std::int64_t kElements = 16;  ///< of a row of a tile

/// `count` rounded up to whole tiles, of their rows or their elements.
constexpr std::int64_t whole(std::int64_t count) { return (count + 15) / 16 * 16; }

/// This thread's tiles, for products of `elements` elements (1 to 16) a step. oneDNN's kernels set
/// up their own each time they begin.
class Tiles {
  struct alignas(64) Shapes {
    std::uint8_t palette = 1;
    std::uint8_t start_row = 0;
    std::uint8_t reserved[14] = {};
    std::uint16_t row_bytes[16] = {};
    std::uint8_t rows[16] = {};
  };

 public:
  explicit Tiles(std::int64_t elements) {
    Shapes shapes;
    for (int tile = 0; tile < 8; ++tile) {
      shapes.row_bytes[tile] =
          tile < 4 || tile >= 6 ? 64 : static_cast<std::uint16_t>(4 * elements);
      shapes.rows[tile] = tile < 6 ? kRows : static_cast<std::uint8_t>(elements);
    }
#if LLM2CLIP_LEVELS
    asm volatile("ldtilecfg %0" : : "m"(shapes));
#endif
  }
  ~Tiles() {
#if LLM2CLIP_LEVELS
    asm volatile("tilerelease");
#endif
  }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
};

// Tiles 0 to 3 are sums: of the first rows with the first and the second panel, of the other rows.
// Tiles 4 and 5 are rows, 6 and 7 panels.

template <int tile>
LLM2CLIP_INLINE void load(const float* from, std::int64_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2"
               :
               : "r"(from), "r"(4 * stride), "i"(tile)
               : "memory");
}
template <int tile>
LLM2CLIP_INLINE void store(float* to, std::int64_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(4 * stride), "i"(tile) : "memory");
}
template <int tile>
LLM2CLIP_INLINE void clear() {
  asm volatile("tilezero %%tmm%c0" : : "i"(tile));
}
template <panel::Elements elements, int sums, int rows, int panel>
LLM2CLIP_INLINE void add_products() {
  if constexpr (elements == panel::Elements::pairs) {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(sums), "i"(rows), "i"(panel));
  } else {
    asm volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(sums), "i"(rows), "i"(panel));
  }
}

/// Calls f<tile, part>(where) of each tile of sums.
template <int row_tiles, int panels, typename F>
LLM2CLIP_INLINE void each_sum(const F& f) {
  f(std::integral_constant<int, 0>(), 0, 0);
  if constexpr (panels == 2) f(std::integral_constant<int, 1>(), 0, 1);
  if constexpr (row_tiles == 2) f(std::integral_constant<int, 2>(), 1, 0);
  if constexpr (row_tiles == 2 && panels == 2) f(std::integral_constant<int, 3>(), 1, 1);
}

/// The products of elements `begin` to `end`, whole steps. Calls between(), once a step, for what
/// can be done meanwhile.
template <panel::Elements elements, int row_tiles, int panels, typename Between>
LLM2CLIP_INLINE void add_steps(const float* a, const float* panel, std::int64_t begin,
                               std::int64_t end, std::int64_t step, const Between& between) {
  for (std::int64_t k = begin; k < end; k += step) {
    between();
    load<4>(a + k, tile::kRowStride);
    load<6>(panel + k * panel::kWidth, panel::kWidth);
    add_products<elements, 0, 4, 6>();
    if constexpr (panels == 2) {
      load<7>(panel + tile::kPanelStride + k * panel::kWidth, panel::kWidth);
      add_products<elements, 1, 4, 7>();
    }
    if constexpr (row_tiles == 2) {
      load<5>(a + kRows * tile::kRowStride + k, tile::kRowStride);
      add_products<elements, 2, 5, 6>();
      if constexpr (panels == 2) add_products<elements, 3, 5, 7>();
    }
  }
}

/// The sums of 16 or 32 columns with as many rows (+)= their products of `count` pairs; behind
/// those zeros up to a whole step. `columns` are rows of a weight, `rows` panels (note [Turned
/// rows]). sums[column][row] is a tile of each 16 columns and 16 rows: tiles of the same columns
/// lie one behind the other, `sums_stride` is between those of other columns.
template <int column_tiles, int row_tiles, typename Between>
LLM2CLIP_INLINE void multiply_pairs(const float* columns, const float* rows, std::int64_t count,
                                    bool add, float* sums, std::int64_t sums_stride,
                                    const Between& between) {
  const auto at = [&](int column, int row) LLM2CLIP_INLINE_LAMBDA {
    return sums + column * sums_stride + row * kRows * panel::kWidth;
  };
  each_sum<column_tiles, row_tiles>([&](auto tile, int column, int row) LLM2CLIP_INLINE_LAMBDA {
    if (add) {
      load<tile>(at(column, row), panel::kWidth);
    } else {
      clear<tile>();
    }
  });
  add_steps<panel::Elements::pairs, column_tiles, row_tiles>(columns, rows, 0, count, kElements,
                                                             between);
  each_sum<column_tiles, row_tiles>([&](auto tile, int column, int row) LLM2CLIP_INLINE_LAMBDA {
    store<tile>(at(column, row), panel::kWidth);
  });
}

/// Calls f(one or two, one or two), of types that tell the compiler which.
template <typename F>
LLM2CLIP_INLINE void of_one_or_two(bool two_first, bool two_second, const F& f) {
  constexpr std::integral_constant<int, 1> one;
  constexpr std::integral_constant<int, 2> two;
  if (two_first) return two_second ? f(two, two) : f(two, one);
  return two_second ? f(one, two) : f(one, one);
}

/// Adds to the sums of `rows` rows what the tile's exact sums of one group stand for.
template <int panels>
LLM2CLIP_INLINE void add_scaled(int rows, const float* exact, std::int64_t exact_stride,
                                const integer_tile::Groups& groups, std::int64_t group, bool add,
                                float* sums, std::int64_t sums_stride) {
  using Floats = panel::Floats<64>;
  using Integers = panel::Integers<64>;
  Floats scales[panels], minimums[panels];
#pragma GCC unroll 2
  for (int part = 0; part < panels; ++part) {
    const std::int64_t at = part * groups.stride + group * panel::kWidth;
    std::memcpy(&scales[part], groups.scales + at, 64);
    std::memcpy(&minimums[part], groups.minimums + at, 64);
  }
  for (int row = 0; row < rows; ++row) {
    const std::int64_t of_row = row * groups.row_stride + group;
    const Floats row_scale = tile::everywhere<64>(groups.row_scales[of_row]);
    const Floats row_sum = tile::everywhere<64>(groups.row_sums[of_row]);
    const auto start =
        __builtin_bit_cast(Integers, tile::everywhere<64>(groups.row_starts[of_row]));
#pragma GCC unroll 2
    for (int part = 0; part < panels; ++part) {
      Integers total;
      std::memcpy(&total, exact + part * exact_stride + row * panel::kWidth, 64);
      float* to = sums + part * sums_stride + row * panel::kWidth;
      Floats sum = {};
      if (add) std::memcpy(&sum, to, 64);
      const Floats scaled = __builtin_convertvector(total + start, Floats) * scales[part];
      sum = integer_tile::fused_sum<64>(sum, scaled, row_scale);
      sum = integer_tile::fused_sum<64>(sum, minimums[part], row_sum);
      std::memcpy(to, &sum, 64);
    }
  }
}

/// As integer_tile::multiply_rows, of bytes, whose groups are whole steps.
template <int row_tiles, int panels>
LLM2CLIP_INLINE void multiply_groups(int rows, const float* a, const float* panel,
                                     const integer_tile::Groups& groups, bool add, float* sums,
                                     std::int64_t sums_stride) {
  constexpr std::int64_t kTile = kRows * panel::kWidth;
  alignas(64) float exact[row_tiles * panels * kTile];
  const std::int64_t step = std::min(kElements, groups.elements_in_group);
  std::int64_t group = 0;
  for (std::int64_t begin = 0; begin < groups.elements;
       begin += groups.elements_in_group, ++group) {
    const std::int64_t end = std::min(groups.elements, begin + groups.elements_in_group);
    each_sum<row_tiles, panels>([](auto tile, int, int) LLM2CLIP_INLINE_LAMBDA { clear<tile>(); });
    add_steps<panel::Elements::bytes, row_tiles, panels>(a, panel, begin, end, step,
                                                         []() LLM2CLIP_INLINE_LAMBDA {});
    each_sum<row_tiles, panels>([&](auto tile, int half, int part) LLM2CLIP_INLINE_LAMBDA {
      store<tile>(exact + (part * row_tiles + half) * kTile, panel::kWidth);
    });
    add_scaled<panels>(rows, exact, row_tiles * kTile, groups, group, add || group > 0, sums,
                       sums_stride);
  }
}

/// The same for 1 to kMostRows rows, and one or two panels.
LLM2CLIP_INLINE void multiply_some_groups(int rows, int panels, const float* a, const float* panel,
                                          const integer_tile::Groups& groups, bool add, float* sums,
                                          std::int64_t sums_stride) {
  of_one_or_two(rows > kRows, panels == 2, [&](auto row_tiles, auto some) LLM2CLIP_INLINE_LAMBDA {
    multiply_groups<row_tiles, some>(rows, a, panel, groups, add, sums, sums_stride);
  });
}

}  // namespace llm2clip::amx_tile
