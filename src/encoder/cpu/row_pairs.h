#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "encoder/cpu/panel.h"
#include "encoder/cpu/tile.h"

// A row of a stored weight in pairs of bfloat16, as it lies: nothing is turned. For AVX512_BF16.
#if LLM2CLIP_LEVELS
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace llm2clip::row_pairs {

constexpr std::int64_t kValues = 32;  ///< of a register

/// Sixteen bytes as integers, with their sign or without one. The instructions themselves: GCC 12
/// makes single values of such a conversion.
template <bool is_signed>
LLM2CLIP_INLINE panel::Integers<64> widened_bytes(const std::byte* from) {
  struct Sixteen {
    std::byte bytes[16];
  };
  const auto& bytes = *reinterpret_cast<const Sixteen*>(from);
  panel::Integers<64> wide;
  if constexpr (is_signed) {
    asm("vpmovsxbd %1, %0" : "=v"(wide) : "m"(bytes));
  } else {
    asm("vpmovzxbd %1, %0" : "=v"(wide) : "m"(bytes));
  }
  return wide;
}

/// Sixteen values from `k` on, unscaled, or the sixteen after them; of int4 every second of 32, the
/// others are `second`.
template <panel::Stored stored>
LLM2CLIP_INLINE panel::Floats<64> sixteen(const std::byte* row, std::int64_t k, bool second) {
  using panel::Stored;
  if constexpr (stored == Stored::int4) {
    const panel::Integers<64> both = widened_bytes<false>(row + k / 2);
    return __builtin_convertvector(second ? both >> 4 : both & 15, panel::Floats<64>);
  } else {
    const std::byte* from = row + (k + (second ? 16 : 0)) * panel::bits_of(stored) / 8;
    if constexpr (stored == Stored::int8) {
      return __builtin_convertvector(widened_bytes<true>(from), panel::Floats<64>);
    } else if constexpr (stored == Stored::float16) {
      return converted_halves<64>(reinterpret_cast<const std::uint16_t*>(from));
    } else {
      panel::Floats<64> values;
      std::memcpy(&values, from, sizeof values);
      return values;
    }
  }
}

/// The scale of sixteen neighbors, whose group is at `at`, or what is added to them.
LLM2CLIP_INLINE panel::Floats<64> everywhere(const float* table, std::int64_t at) {
  return tile::everywhere<64>(table[at]);
}
/// Of int4, whose sixteen are every second of 32 neighbors: the first eight are in one group, the
/// others in the next one, or in the same.
LLM2CLIP_INLINE panel::Floats<64> halves(const float* table, std::int64_t at, std::int64_t next) {
  const panel::Floats<64> first = everywhere(table, at), second = everywhere(table, next);
  return __builtin_shufflevector(first, second, 0, 1, 2, 3, 4, 5, 6, 7, 24, 25, 26, 27, 28, 29, 30,
                                 31);
}

/// Sixteen and sixteen, rounded to bfloat16.
LLM2CLIP_INLINE void store_rounded(const panel::Floats<64>& first, const panel::Floats<64>& second,
                                   float* to) {
  panel::Words<64> both;
  asm("vcvtne2ps2bf16 %1, %2, %0" : "=v"(both) : "v"(first), "v"(second));
  std::memcpy(to, &both, sizeof both);
}

/// 32 values of a row from `k` of the block on, which begins at `first`; the scales are those of
/// the block's column `column`.
template <panel::Stored stored>
LLM2CLIP_INLINE void store_register(const std::byte* row, std::int64_t first, std::int64_t k,
                                    const panel::Scales& scaled, std::int64_t column, float* to) {
  using panel::Stored;
  if constexpr (stored == Stored::bfloat16) {
    panel::Words<64> words;
    std::memcpy(&words, row + 2 * (first + k), sizeof words);
    std::memcpy(to, &words, sizeof words);
  } else {
    panel::Floats<64> one = sixteen<stored>(row, first + k, false);
    panel::Floats<64> other = sixteen<stored>(row, first + k, true);
    if constexpr (panel::kIsScaled<stored>) {
      const std::int64_t at = (k >> scaled.shift) * panel::kWidth + column;
      const std::int64_t next = ((k + 16) >> scaled.shift) * panel::kWidth + column;
      if constexpr (stored == Stored::int4) {
        const panel::Floats<64> scale = halves(scaled.scales, at, next);
        const panel::Floats<64> minimum = halves(scaled.minimums, at, next);
        one = one * scale + minimum;
        other = other * scale + minimum;
      } else {
        one = one * everywhere(scaled.scales, at) + everywhere(scaled.minimums, at);
        other = other * everywhere(scaled.scales, next) + everywhere(scaled.minimums, next);
      }
    }
    if constexpr (stored == Stored::int4) {
      const panel::Words<64> pairs = panel::joined(one, other);
      std::memcpy(to, &pairs, sizeof pairs);
    } else {
      store_rounded(one, other, to);
    }
  }
}

/// The same of int4 where all 32 are in one group: what each of 0 to 15 stands for is computed, and
/// looked up.
LLM2CLIP_INLINE void look_up_register(const std::byte* row, std::int64_t first, std::int64_t k,
                                      const panel::Scales& scaled, std::int64_t column, float* to) {
  const std::int64_t at = (k >> scaled.shift) * panel::kWidth + column;
  const panel::Floats<64> numbers = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const panel::Floats<64> values =
      numbers * everywhere(scaled.scales, at) + everywhere(scaled.minimums, at);
  panel::Integers<64> table;  // of which the first half has them, in bfloat16
  asm("vcvtneps2bf16 %1, %t0" : "=v"(table) : "v"(values));
  const panel::Integers<64> both = widened_bytes<false>(row + (first + k) / 2);
  const panel::Integers<64> places = (both | both << 12) & 0x000f000f;
  panel::Integers<64> pairs;
  asm("vpermw %1, %2, %0" : "=v"(pairs) : "v"(table), "v"(places));
  std::memcpy(to, &pairs, sizeof pairs);
}

/// `count` values of a row from `first` on; behind them zeros up to a whole register.
template <panel::Stored stored>
LLM2CLIP_INLINE void store_row(const std::byte* row, std::int64_t first, std::int64_t count,
                               const panel::Scales& scaled, std::int64_t column, float* to) {
  const std::int64_t whole = count / kValues * kValues;
  constexpr int kShift = 5;  // of groups that have whole registers
  if (stored == panel::Stored::int4 && scaled.shift >= kShift) {
    for (std::int64_t k = 0; k < whole; k += kValues) {
      look_up_register(row, first, k, scaled, column, to + k / 2);
    }
  } else {
    for (std::int64_t k = 0; k < whole; k += kValues) {
      store_register<stored>(row, first, k, scaled, column, to + k / 2);
    }
  }
  if (whole == count) return;
  std::uint16_t rest[kValues] = {};
  for (std::int64_t k = whole; k < count; ++k) {
    float value = panel::value_at<stored>(row, first + k);
    if constexpr (panel::kIsScaled<stored>) {
      const std::int64_t at = (k >> scaled.shift) * panel::kWidth + column;
      value = value * scaled.scales[at] + scaled.minimums[at];
    }
    rest[k - whole] = panel::as_bfloat16(value);
  }
  std::memcpy(to + whole / 2, rest, sizeof rest);
}

}  // namespace llm2clip::row_pairs

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#endif
