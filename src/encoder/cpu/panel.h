#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/halves.h"
#include "base/widest.h"

// A panel is a block of some neighboring rows of a stored weight (N, K), widened to float32 and
// turned: panel[k][column], a column for each row of the weight. The weight stays as it is stored.
//
// A panel may have pairs instead: panel[k / 2][column], the earlier of two neighbors in the lower
// half of 32 bits. They are bfloat16 where the processor multiplies those (AVX512_BF16), or the
// stored integers, unscaled, in 16 bits each. Or integers lie in bytes, without a sign: those of
// eight bits, to which 128 is added, panel[k / 4][column] has four neighbors of; of eight neighbors
// of four bits one row has the first, third, fifth and seventh, the next row the others.
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

template <std::size_t bytes>
using Words [[gnu::vector_size(bytes)]] = std::uint32_t;
template <std::size_t bytes>
using Integers [[gnu::vector_size(bytes)]] = std::int32_t;
template <std::size_t bytes>
using Floats [[gnu::vector_size(bytes)]] = float;

/// Columns of a panel: one register of floats at AVX-512, two at AVX2.
constexpr std::int64_t kWidth = 16;
/// Floats or pairs that a column of a panel has at most: 16 KB, half of the smallest first cache.
constexpr std::int64_t kDepth = 256;

constexpr std::int64_t kBlock = 8;  // words of a row that are turned at once

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
LLM2CLIP_INLINE Words<32> words_of(const std::byte* row) {
#if LLM2CLIP_CONVERTS_HALVES
  if constexpr (stored == Stored::float16) {
    return __builtin_bit_cast(Words<32>,
                              converted_halves<32>(reinterpret_cast<const std::uint16_t*>(row)));
  }
#endif
  Words<32> words;
  std::memcpy(&words, row, sizeof words);
  return words;
}

/// Of the rows that are turned at once, those of vector `i` before turning: eight words of one, or
/// at 64 bytes of two.
template <std::size_t bytes, Stored stored>
LLM2CLIP_INLINE Words<bytes> words_before(const std::byte* const* rows, std::int64_t offset,
                                          std::int64_t i) {
  if constexpr (bytes == 32) {
    return words_of<stored>(rows[i] + offset);
  } else {
    const std::int64_t row = i / 4 * 8 + i % 4;
    return __builtin_shufflevector(words_of<stored>(rows[row] + offset),
                                   words_of<stored>(rows[row + 4] + offset), 0, 1, 2, 3, 4, 5, 6, 7,
                                   8, 9, 10, 11, 12, 13, 14, 15);
  }
}

/// The values at place `p` of each lane's word, unscaled.
template <std::size_t bytes, Stored stored>
LLM2CLIP_INLINE Floats<bytes> values_at(const Words<bytes>& words, int p) {
  using Float = Floats<bytes>;
  if constexpr (stored == Stored::float32 || stored == Stored::float16) {
    return __builtin_bit_cast(Float, words);
  }
  if constexpr (stored == Stored::bfloat16) {
    return __builtin_bit_cast(Float, p == 0 ? words << 16 : words & 0xffff0000u);
  }
  if constexpr (stored == Stored::int8) {
    const auto high = __builtin_bit_cast(Integers<bytes>, words << (24 - 8 * p));
    return __builtin_convertvector(high >> 24, Float);
  }
  if constexpr (stored == Stored::int4) {
    const auto low = __builtin_bit_cast(Integers<bytes>, words >> (4 * p) & 15u);
    return __builtin_convertvector(low, Float);
  }
}

/// The values at places `p` and `p + 1` of each lane's word, unscaled, in 16 bits each.
template <std::size_t bytes, Stored stored>
LLM2CLIP_INLINE Words<bytes> integers_at(const Words<bytes>& words, int p) {
  if constexpr (stored == Stored::int8) {
    const auto first = __builtin_bit_cast(Integers<bytes>, words << (24 - 8 * p)) >> 24;
    const auto second = __builtin_bit_cast(Integers<bytes>, words << (16 - 8 * p)) >> 8;
    return (__builtin_bit_cast(Words<bytes>, first) & 0xffffu) |
           (__builtin_bit_cast(Words<bytes>, second) & 0xffff0000u);
  } else {
    const Words<bytes> both = words >> (4 * p);
    return (both & 15u) | (both & 0xf0u) << 12;
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

/// Turns eight rows of eight words, or sixteen: afterwards words[j] has word j of each row.
LLM2CLIP_INLINE void turn(Words<32> (&w)[kBlock]) {
  Words<32> pairs[kBlock], quads[kBlock];
#pragma GCC unroll 8
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = __builtin_shufflevector(w[i], w[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    pairs[i + 1] = __builtin_shufflevector(w[i], w[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 4; ++i) {
    const Words<32>&a = pairs[i / 2 * 4 + i % 2], &b = pairs[i / 2 * 4 + i % 2 + 2];
    quads[i / 2 * 4 + i % 2 * 2] = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
    quads[i / 2 * 4 + i % 2 * 2 + 1] = __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
  }
#pragma GCC unroll 8
  for (int j = 0; j < 4; ++j) {
    w[j] = __builtin_shufflevector(quads[j], quads[j + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    w[j + 4] = __builtin_shufflevector(quads[j], quads[j + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}
LLM2CLIP_INLINE void turn(Words<64> (&w)[kBlock]) {
  Words<64> pairs[kBlock], quads[kBlock];
#pragma GCC unroll 8
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = __builtin_shufflevector(w[i], w[i + 1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12,
                                       28, 13, 29);
    pairs[i + 1] = __builtin_shufflevector(w[i], w[i + 1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11,
                                           27, 14, 30, 15, 31);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 4; ++i) {
    const Words<64>&a = pairs[i / 2 * 4 + i % 2], &b = pairs[i / 2 * 4 + i % 2 + 2];
    quads[i / 2 * 4 + i % 2 * 2] =
        __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    quads[i / 2 * 4 + i % 2 * 2 + 1] =
        __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
  }
#pragma GCC unroll 8
  for (int j = 0; j < 4; ++j) {
    w[j] = __builtin_shufflevector(quads[j], quads[j + 4], 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19,
                                   24, 25, 26, 27);
    w[j + 4] = __builtin_shufflevector(quads[j], quads[j + 4], 4, 5, 6, 7, 12, 13, 14, 15, 20, 21,
                                       22, 23, 28, 29, 30, 31);
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

/// What a panel is made of: floats, pairs of bfloat16, pairs of integers or integers in bytes.
enum class Elements { floats, pairs, integers, bytes };

/// What multiplies elements and sums them.
enum class Unit {
  vectors,  ///< one element a lane; of integers products and sums are instructions of their own
  fused,    ///< the same of integers, in one instruction (AVX512_VNNI, AVX-VNNI)
  tiles,    ///< of pairs and bytes, 16 rows with 16 columns at once (AMX)
};

constexpr int values_in(Elements elements) {
  return elements == Elements::floats ? 1 : elements == Elements::bytes ? 4 : 2;
}
constexpr bool are_integers(Elements elements) {
  return elements == Elements::integers || elements == Elements::bytes;
}
/// Values that a column of a panel has at most.
constexpr std::int64_t most_values(Elements elements) { return kDepth * values_in(elements); }

/// Rounded to the nearest, ties to even.
LLM2CLIP_INLINE std::uint16_t as_bfloat16(float value) {
  const auto bits = __builtin_bit_cast(std::uint32_t, value);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

/// A half of a pair.
template <Elements elements>
LLM2CLIP_INLINE std::uint16_t half_of(float value) {
  if constexpr (elements == Elements::pairs) return as_bfloat16(value);
  return static_cast<std::uint16_t>(static_cast<std::int16_t>(value));
}

#if LLM2CLIP_LEVELS
/// Pairs of `first` and `second`, rounded to bfloat16. The instruction itself: the level at which
/// the loops are compiled does not have it.
LLM2CLIP_INLINE Words<64> joined(const Floats<64>& first, const Floats<64>& second) {
  using Halves [[gnu::vector_size(64)]] = std::uint16_t;
  Halves both;
  asm("vcvtne2ps2bf16 %1, %2, %0" : "=v"(both) : "v"(first), "v"(second));
  return __builtin_bit_cast(
      Words<64>,
      __builtin_shufflevector(both, both, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8,
                              24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
}
#endif

/// Whether a panel has what is stored, and nothing is scaled.
template <Stored stored, Elements elements>
constexpr bool kIsExact =
    are_integers(elements) || (elements == Elements::pairs && stored == Stored::bfloat16);

/// Adds 128 to each byte of a word.
constexpr std::uint32_t kRaised = 0x80808080u;

/// The values of a word of each row, as they are stored.
template <std::size_t bytes, Stored stored, Elements elements>
LLM2CLIP_INLINE void store_exact(const Words<bytes>& word, float* to) {
  if constexpr (elements == Elements::bytes && stored == Stored::int8) {
    const Words<bytes> raised = word ^ kRaised;
    std::memcpy(to, &raised, bytes);
  } else if constexpr (elements == Elements::bytes) {
    const Words<bytes> even = word & 0x0f0f0f0fu, odd = word >> 4 & 0x0f0f0f0fu;
    std::memcpy(to, &even, bytes);
    std::memcpy(to + kWidth, &odd, bytes);
  } else if constexpr (elements == Elements::integers) {
    constexpr int kCount = values_in_word(stored);
#pragma GCC unroll 8
    for (int p = 0; p < kCount; p += 2) {
      const Words<bytes> both = integers_at<bytes, stored>(word, p);
      std::memcpy(to + p / 2 * kWidth, &both, bytes);
    }
  } else {
    std::memcpy(to, &word, bytes);
  }
}

/// Words of which an element is made.
template <Stored stored, Elements elements>
constexpr int kWords =
    values_in_word(stored) < values_in(elements) ? values_in(elements) / values_in_word(stored) : 1;

/// The values of words[j], and of the next one where a pair takes both, scaled by what is at `at`.
template <std::size_t bytes, Stored stored, Elements elements>
LLM2CLIP_INLINE void store_widened(const Words<bytes> (&words)[kBlock], std::int64_t j,
                                   const Scales& scaled, std::int64_t at, float* to) {
  constexpr int kInWord = values_in_word(stored);
  constexpr int kCount = kWords<stored, elements> * kInWord, kEach = values_in(elements);
  [[maybe_unused]] Floats<bytes> scale, minimum;
  if constexpr (kIsScaled<stored>) {
    std::memcpy(&scale, scaled.scales + at, bytes);
    std::memcpy(&minimum, scaled.minimums + at, bytes);
  }
  const auto value = [&](int p) LLM2CLIP_INLINE_LAMBDA {
    Floats<bytes> values = values_at<bytes, stored>(words[j + p / kInWord], p % kInWord);
    if constexpr (kIsScaled<stored>) values = values * scale + minimum;
    return values;
  };
#pragma GCC unroll 8
  for (int p = 0; p < kCount; p += kEach) {
    if constexpr (elements == Elements::pairs) {
      const Words<bytes> both = joined(value(p), value(p + 1));
      std::memcpy(to + p / 2 * kWidth, &both, bytes);
    } else {
      const Floats<bytes> values = value(p);
      std::memcpy(to + p * kWidth, &values, bytes);
    }
  }
}

/// Eight words of as many rows as a vector has lanes, from value `k` of the panel on.
template <std::size_t bytes, Stored stored, Elements elements>
LLM2CLIP_INLINE void widen_block(const std::byte* const* rows, std::int64_t offset, std::int64_t k,
                                 const Scales& scaled, std::int64_t column, float* panel) {
  constexpr int kInWord = values_in_word(stored);
  constexpr int kEach = values_in(elements);
  Words<bytes> words[kBlock];
#pragma GCC unroll 8
  for (std::int64_t i = 0; i < kBlock; ++i) {
    words[i] = words_before<bytes, stored>(rows, offset, i);
  }
  turn(words);
#pragma GCC unroll 8
  for (std::int64_t j = 0; j < kBlock; j += kWords<stored, elements>) {
    const std::int64_t first = k + j * kInWord;
    float* to = panel + first / kEach * kWidth + column;
    if constexpr (kIsExact<stored, elements>) {
      store_exact<bytes, stored, elements>(words[j], to);
    } else {
      store_widened<bytes, stored, elements>(words, j, scaled,
                                             (first >> scaled.shift) * kWidth + column, to);
    }
  }
}

/// What is left of bytes behind whole blocks: values k to `count` of a panel that begins at
/// `first`.
template <Stored stored>
LLM2CLIP_INLINE void store_rest(const std::array<const std::byte*, kWidth>& rows,
                                std::int64_t first, std::int64_t k, std::int64_t count,
                                float* panel) {
  constexpr std::int64_t kInWord = values_in_word(stored);
  for (; k < count; k += kInWord) {
    const std::int64_t bits = std::min(kInWord, count - k) * bits_of(stored);
    for (std::int64_t column = 0; column < kWidth; ++column) {
      std::uint32_t word = 0;
      std::memcpy(&word, rows[static_cast<std::size_t>(column)] + (first + k) * bits_of(stored) / 8,
                  static_cast<std::size_t>(bits / 8));
      float* to = panel + k / 4 * kWidth + column;
      if constexpr (stored == Stored::int8) {
        to[0] = __builtin_bit_cast(float, word ^ kRaised);
      } else {
        to[0] = __builtin_bit_cast(float, word & 0x0f0f0f0fu);
        to[kWidth] = __builtin_bit_cast(float, word >> 4 & 0x0f0f0f0fu);
      }
    }
  }
}

/// The panel of `count` values from `first` on, a multiple of a block. Of an odd number of values
/// the last pair has a zero.
template <std::size_t bytes, Stored stored, Elements elements>
LLM2CLIP_INLINE void widen_panel(const std::array<const std::byte*, kWidth>& rows,
                                 std::int64_t first, std::int64_t count, const Scales& scaled,
                                 float* panel) {
  constexpr std::int64_t kInBlock = kBlock * values_in_word(stored);
  constexpr std::int64_t kColumns = bytes / sizeof(float);
  std::int64_t whole = 0;
  if constexpr (bytes >= 32 && (LLM2CLIP_CONVERTS_HALVES || stored != Stored::float16)) {
    whole = count / kInBlock * kInBlock;
    for (std::int64_t column = 0; column < kWidth; column += kColumns) {
      for (std::int64_t k = 0; k < whole; k += kInBlock) {
        widen_block<bytes, stored, elements>(
            rows.data() + column, (first + k) * bits_of(stored) / 8, k, scaled, column, panel);
      }
    }
  }
  if constexpr (elements == Elements::bytes) {
    return store_rest<stored>(rows, first, whole, count, panel);
  }
  const auto value = [&](std::int64_t k, std::int64_t column) LLM2CLIP_INLINE_LAMBDA {
    if (k >= count) return 0.0f;
    const float exact = value_at<stored>(rows[static_cast<std::size_t>(column)], first + k);
    if constexpr (!kIsScaled<stored> || elements == Elements::integers) return exact;
    const std::int64_t at = (k >> scaled.shift) * kWidth + column;
    return exact * scaled.scales[at] + scaled.minimums[at];
  };
  for (std::int64_t k = whole; k < count; k += values_in(elements)) {
    for (std::int64_t column = 0; column < kWidth; ++column) {
      float element = value(k, column);
      if constexpr (elements != Elements::floats) {
        const std::uint32_t second = half_of<elements>(value(k + 1, column));
        element = __builtin_bit_cast(float, half_of<elements>(element) | second << 16);
      }
      panel[k / values_in(elements) * kWidth + column] = element;
    }
  }
}

}  // namespace llm2clip::panel

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
