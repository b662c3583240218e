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
constexpr int kWholeShift = 5;        ///< of groups that have whole registers

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

/// Sixteen values of a row from `k` on, unscaled; of int4 the numbers that it may have.
template <panel::Stored stored>
LLM2CLIP_INLINE panel::Floats<64> sixteen(const std::byte* row, std::int64_t k) {
  using panel::Stored;
  const std::byte* from = row + k * panel::bits_of(stored) / 8;
  if constexpr (stored == Stored::int4) {
    return panel::Floats<64>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  } else if constexpr (stored == Stored::int8) {
    return __builtin_convertvector(widened_bytes<true>(from), panel::Floats<64>);
  } else if constexpr (stored == Stored::float16) {
    return converted_halves<64>(reinterpret_cast<const std::uint16_t*>(from));
  } else {
    panel::Floats<64> values;
    std::memcpy(&values, from, sizeof values);
    return values;
  }
}

/// The values of 32 int4 in `bytes`. Of the table's words the first sixteen are what the numbers
/// stand for in the first half of them, the others what they do in the second half.
LLM2CLIP_INLINE panel::Integers<64> looked_up(const std::byte* bytes,
                                              const panel::Integers<64>& table) {
  constexpr std::int32_t kSecond = 0x00100010;
  const panel::Integers<64> second = {0,       0,       0,       0,       0,       0,
                                      0,       0,       kSecond, kSecond, kSecond, kSecond,
                                      kSecond, kSecond, kSecond, kSecond};
  const panel::Integers<64> both = widened_bytes<false>(bytes);
  const panel::Integers<64> places = ((both | both << 12) & 0x000f000f) | second;
  panel::Integers<64> pairs;
  asm("vpermw %1, %2, %0" : "=v"(pairs) : "v"(table), "v"(places));
  return pairs;
}

/// 32 values of a row from `k` of the block on, which begins at `first`; the scales are those of
/// the block's column `column`. Sixteen neighbors are always in one group.
template <panel::Stored stored>
LLM2CLIP_INLINE void store_register(const std::byte* row, std::int64_t first, std::int64_t k,
                                    const panel::Scales& scaled, std::int64_t column, float* to) {
  using panel::Stored;
  panel::Integers<64> pairs;
  if constexpr (stored == Stored::bfloat16) {
    std::memcpy(&pairs, row + 2 * (first + k), sizeof pairs);
  } else {
    const auto half = [&](std::int64_t from) LLM2CLIP_INLINE_LAMBDA {
      panel::Floats<64> values = sixteen<stored>(row, first + from);
      if constexpr (panel::kIsScaled<stored>) {
        const std::int64_t at = (from >> scaled.shift) * panel::kWidth + column;
        values = values * tile::everywhere<64>(scaled.scales[at]) +
                 tile::everywhere<64>(scaled.minimums[at]);
      }
      return values;
    };
    const panel::Floats<64> one = half(k);
    // Of int4 in groups of 32 and more both halves of the table are the same.
    const bool is_same = stored == Stored::int4 && scaled.shift >= kWholeShift;
    const panel::Floats<64> other = is_same ? one : half(k + 16);
    asm("vcvtne2ps2bf16 %1, %2, %0" : "=v"(pairs) : "v"(one), "v"(other));
    if constexpr (stored == Stored::int4) pairs = looked_up(row + (first + k) / 2, pairs);
  }
  std::memcpy(to, &pairs, sizeof pairs);
}

/// `count` values of a row from `first` on; behind them zeros up to a whole register.
template <panel::Stored stored>
LLM2CLIP_INLINE void store_row(const std::byte* row, std::int64_t first, std::int64_t count,
                               const panel::Scales& scaled, std::int64_t column, float* to) {
  const std::int64_t whole = count / kValues * kValues;
  for (std::int64_t k = 0; k < whole; k += kValues) {
    store_register<stored>(row, first, k, scaled, column, to + k / 2);
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
