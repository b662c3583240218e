#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/halves.h"
#include "base/widest.h"

// A panel is a block of some neighboring rows of a stored weight (N, K), widened to float32 and
// turned: panel[k][column], a column for each row of the weight. The weight stays as it is stored.
//
// Such vectors are passed in registers that depend on the level. Everything is inlined: none is.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace llm2clip::panel {

/// How the values of a weight are stored. int4: 0 to 15, two in a byte, the earlier in its lower
/// half.
enum class Stored { float32, bfloat16, float16, int8, int4 };

constexpr int bits_of(Stored stored) {
  return stored == Stored::float32 ? 32
         : stored == Stored::int8  ? 8
         : stored == Stored::int4  ? 4
                                   : 16;
}

// Values of one 32-bit word of a row as it is read: float16 is widened meanwhile.
constexpr int values_in_word(Stored stored) {
  return stored == Stored::float16 ? 1 : 32 / bits_of(stored);
}

using Words [[gnu::vector_size(32)]] = std::uint32_t;
using Integers [[gnu::vector_size(32)]] = std::int32_t;
using Floats [[gnu::vector_size(32)]] = float;

/// Columns of a panel: one register of floats at AVX-512, two at AVX2.
constexpr std::int64_t kWidth = 16;
/// Values of a row that a panel has at most: 16 KB, half of the smallest first cache.
constexpr std::int64_t kDepth = 256;

constexpr std::int64_t kBlock = 8;  // rows and words that are turned at once

/// The float32 of a float16's bits.
LLM2CLIP_INLINE float widened_half(std::uint32_t half) {
  constexpr std::uint32_t kRebias = (127 - 15) << 23;
  const std::uint32_t shifted = (half & 0x7fffu) << 13;
  const std::uint32_t exponent = shifted & 0x0f800000u;
  std::uint32_t bits = shifted + kRebias;
  if (exponent == 0x0f800000u) bits += kRebias;  // infinite
  if (exponent == 0) {
    // Below 2^-14 the digits are those of 2^-14 and more, less 2^-14.
    bits = __builtin_bit_cast(std::uint32_t,
                              __builtin_bit_cast(float, bits + (1u << 23)) - 6.103515625e-05f);
  }
  return __builtin_bit_cast(float, bits | (half & 0x8000u) << 16);
}

/// Eight words of a row.
template <Stored stored>
LLM2CLIP_INLINE Words words_of(const std::byte* row) {
#if LLM2CLIP_CONVERTS_HALVES
  if constexpr (stored == Stored::float16) {
    return __builtin_bit_cast(Words,
                              converted_halves<32>(reinterpret_cast<const std::uint16_t*>(row)));
  }
#endif
  Words words;
  std::memcpy(&words, row, sizeof words);
  return words;
}

/// The values at place `p` of each lane's word, unscaled.
template <Stored stored>
LLM2CLIP_INLINE Floats values_at(const Words& words, int p) {
  if constexpr (stored == Stored::float32 || stored == Stored::float16) {
    return __builtin_bit_cast(Floats, words);
  }
  if constexpr (stored == Stored::bfloat16) {
    return __builtin_bit_cast(Floats, p == 0 ? words << 16 : words & 0xffff0000u);
  }
  if constexpr (stored == Stored::int8) {
    const Integers high = __builtin_bit_cast(Integers, words << (24 - 8 * p));
    return __builtin_convertvector(high >> 24, Floats);
  }
  if constexpr (stored == Stored::int4) {
    return __builtin_convertvector(__builtin_bit_cast(Integers, words >> (4 * p) & 15u), Floats);
  }
}

/// One value of a row, unscaled.
template <Stored stored>
LLM2CLIP_INLINE float value_at(const std::byte* row, std::int64_t k) {
  if constexpr (stored == Stored::int4) {
    const auto both = static_cast<std::uint8_t>(row[k / 2]);
    return static_cast<float>(k % 2 == 0 ? both & 15 : both >> 4);
  } else if constexpr (stored == Stored::int8) {
    return static_cast<float>(static_cast<std::int8_t>(row[k]));
  } else if constexpr (stored == Stored::float32) {
    float value;
    std::memcpy(&value, row + 4 * k, sizeof value);
    return value;
  } else {
    std::uint16_t half;
    std::memcpy(&half, row + 2 * k, sizeof half);
    const std::uint32_t bits = half;
    if constexpr (stored == Stored::bfloat16) return __builtin_bit_cast(float, bits << 16);
    return widened_half(bits);
  }
}

/// Turns eight rows of eight words: afterwards words[j] has word j of each row.
LLM2CLIP_INLINE void turn(Words (&w)[kBlock]) {
  Words pairs[kBlock], quads[kBlock];
#pragma GCC unroll 8
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = __builtin_shufflevector(w[i], w[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    pairs[i + 1] = __builtin_shufflevector(w[i], w[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 4; ++i) {
    const Words &a = pairs[i / 2 * 4 + i % 2], &b = pairs[i / 2 * 4 + i % 2 + 2];
    quads[i / 2 * 4 + i % 2 * 2] = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
    quads[i / 2 * 4 + i % 2 * 2 + 1] = __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
  }
#pragma GCC unroll 8
  for (int j = 0; j < 4; ++j) {
    w[j] = __builtin_shufflevector(quads[j], quads[j + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    w[j + 4] = __builtin_shufflevector(quads[j], quads[j + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

/// What a group of values of each column is multiplied with, and what is added then:
/// [group][kWidth], from the first group of the panel on.
struct Scales {
  const float* scales = nullptr;
  const float* minimums = nullptr;
  int shift = 0;  ///< value k is in group k >> shift
};

template <Stored stored>
constexpr bool kIsScaled = stored == Stored::int8 || stored == Stored::int4;

/// Eight words of eight rows, from value `k` of the panel on: panel[k...][0...8].
template <Stored stored>
LLM2CLIP_INLINE void widen_block(const std::byte* const* rows, std::int64_t offset, std::int64_t k,
                                 const Scales& scaled, std::int64_t column, float* panel) {
  constexpr int kInWord = values_in_word(stored);
  Words words[kBlock];
#pragma GCC unroll 8
  for (std::int64_t i = 0; i < kBlock; ++i) words[i] = words_of<stored>(rows[i] + offset);
  turn(words);
#pragma GCC unroll 8
  for (std::int64_t j = 0; j < kBlock; ++j) {
    [[maybe_unused]] Floats scale, minimum;
    if constexpr (kIsScaled<stored>) {
      const std::int64_t at = ((k + j * kInWord) >> scaled.shift) * kWidth + column;
      std::memcpy(&scale, scaled.scales + at, 32);
      std::memcpy(&minimum, scaled.minimums + at, 32);
    }
#pragma GCC unroll 8
    for (int p = 0; p < kInWord; ++p) {
      Floats values = values_at<stored>(words[j], p);
      if constexpr (kIsScaled<stored>) values = values * scale + minimum;
      std::memcpy(panel + (k + j * kInWord + p) * kWidth + column, &values, 32);
    }
  }
}

/// panel[k - first][column] for `count` values from `first` on, a multiple of a block.
template <std::size_t bytes, Stored stored>
LLM2CLIP_INLINE void widen_panel(const std::array<const std::byte*, kWidth>& rows,
                                 std::int64_t first, std::int64_t count, const Scales& scaled,
                                 float* panel) {
  constexpr int kInWord = values_in_word(stored);
  constexpr std::int64_t kInBlock = kBlock * kInWord;
  std::int64_t whole = 0;
  if constexpr (bytes >= 32 && (LLM2CLIP_CONVERTS_HALVES || stored != Stored::float16)) {
    whole = count / kInBlock * kInBlock;
    for (std::int64_t column = 0; column < kWidth; column += kBlock) {
      for (std::int64_t k = 0; k < whole; k += kInBlock) {
        widen_block<stored>(rows.data() + column, (first + k) * bits_of(stored) / 8, k, scaled,
                            column, panel);
      }
    }
  }
  for (std::int64_t k = whole; k < count; ++k) {
    for (std::int64_t column = 0; column < kWidth; ++column) {
      float value = value_at<stored>(rows[static_cast<std::size_t>(column)], first + k);
      if constexpr (kIsScaled<stored>) {
        const std::int64_t at = (k >> scaled.shift) * kWidth + column;
        value = value * scaled.scales[at] + scaled.minimums[at];
      }
      panel[k * kWidth + column] = value;
    }
  }
}

}  // namespace llm2clip::panel

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
