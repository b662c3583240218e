#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/widest.h"

// Sixteen floats at a time, in as many registers as they take at the level that a loop is compiled
// for.
//
// Such vectors are passed in registers that depend on the level. Everything is inlined: none is.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace llm2clip::vector {

constexpr std::int64_t kLanes = 16;

template <std::size_t bytes>
using Floats = Sixteen<float, bytes>;
template <std::size_t bytes>
using Words = Sixteen<std::uint32_t, bytes>;

/// The bits of a bfloat16.
using BFloat16 = std::uint16_t;

template <std::size_t bytes>
LLM2CLIP_INLINE Words<bytes> bits_of(const Floats<bytes>& values) {
  return __builtin_bit_cast(Words<bytes>, values);
}
template <std::size_t bytes>
LLM2CLIP_INLINE Floats<bytes> floats_of(const Words<bytes>& bits) {
  return __builtin_bit_cast(Floats<bytes>, bits);
}

template <std::size_t bytes>
LLM2CLIP_INLINE Floats<bytes> load(const float* from) {
  return Floats<bytes>::load(from);
}
template <std::size_t bytes>
LLM2CLIP_INLINE Floats<bytes> load(const BFloat16* from) {
  constexpr std::size_t kEach = Words<bytes>::kEach;
  Words<bytes> bits;
  for (std::size_t part = 0; part < Words<bytes>::kParts; ++part) {
    std::uint32_t wide[kEach];
    for (std::size_t i = 0; i < kEach; ++i) wide[i] = from[part * kEach + i];
    std::memcpy(&bits.parts[part], wide, bytes);
    bits.parts[part] <<= 16;
  }
  return floats_of(bits);
}

/// Rounded to the nearest bfloat16, ties to even; a NaN stays one unless its low bits alone say so.
template <std::size_t bytes>
LLM2CLIP_INLINE Words<bytes> rounded_bits(const Floats<bytes>& values) {
  Words<bytes> bits = bits_of(values);
  for (auto& part : bits.parts) part = part + 0x7fffu + ((part >> 16) & 1u);
  return bits;
}

template <std::size_t bytes>
LLM2CLIP_INLINE void store(const Floats<bytes>& values, float* to) {
  values.store(to);
}
template <std::size_t bytes>
LLM2CLIP_INLINE void store(const Floats<bytes>& values, BFloat16* to) {
  const Words<bytes> bits = rounded_bits(values);
  using Halves [[gnu::vector_size(bytes)]] = BFloat16;
  Halves halves[Words<bytes>::kParts];
  std::memcpy(halves, bits.parts, sizeof halves);
  if constexpr (bytes == 64) {
    using All [[gnu::vector_size(32)]] = BFloat16;
    const All all = __builtin_convertvector(bits.parts[0] >> 16, All);
    std::memcpy(to, &all, sizeof all);
  } else if constexpr (bytes == 32) {
    const Halves all = __builtin_shufflevector(halves[0], halves[1], 1, 3, 5, 7, 9, 11, 13, 15, 17,
                                               19, 21, 23, 25, 27, 29, 31);
    std::memcpy(to, &all, sizeof all);
  } else {
    for (std::size_t pair = 0; pair < 2; ++pair) {
      const Halves some = __builtin_shufflevector(halves[2 * pair], halves[2 * pair + 1], 1, 3, 5,
                                                  7, 9, 11, 13, 15);
      std::memcpy(to + 8 * pair, &some, sizeof some);
    }
  }
}

/// The first `count` of sixteen; the others are zero.
template <std::size_t bytes, typename Stored>
LLM2CLIP_INLINE Floats<bytes> load_some(const Stored* from, std::int64_t count) {
  Stored values[kLanes] = {};
  std::memcpy(values, from, static_cast<std::size_t>(count) * sizeof(Stored));
  return load<bytes>(values);
}
template <std::size_t bytes, typename Stored>
LLM2CLIP_INLINE void store_some(const Floats<bytes>& vector, Stored* to, std::int64_t count) {
  Stored values[kLanes];
  store(vector, values);
  std::memcpy(to, values, static_cast<std::size_t>(count) * sizeof(Stored));
}

/// What `values` become when they are stored as `Stored`.
template <typename Stored, std::size_t bytes>
LLM2CLIP_INLINE Floats<bytes> rounded(const Floats<bytes>& values) {
  if constexpr (sizeof(Stored) == 4) return values;
  Words<bytes> bits = rounded_bits(values);
  for (auto& part : bits.parts) part &= 0xffff0000u;
  return floats_of(bits);
}

/// The two of each pair (2i, 2i + 1) in each other's place.
template <std::size_t bytes>
LLM2CLIP_INLINE Floats<bytes> swapped_pairs(const Floats<bytes>& values) {
  using Pairs [[gnu::vector_size(bytes)]] = std::uint64_t;
  Floats<bytes> swapped;
  for (std::size_t i = 0; i < Floats<bytes>::kParts; ++i) {
    Pairs pairs;
    std::memcpy(&pairs, &values.parts[i], bytes);
    pairs = pairs << 32 | pairs >> 32;
    std::memcpy(&swapped.parts[i], &pairs, bytes);
  }
  return swapped;
}

/// The sum of the lanes, always in the same order.
template <std::size_t bytes>
LLM2CLIP_INLINE float sum_of(const Floats<bytes>& values) {
  float lanes[kLanes];
  store(values, lanes);
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

template <std::size_t bytes>
LLM2CLIP_INLINE float largest_of(const Floats<bytes>& values) {
  float lanes[kLanes];
  store(values, lanes);
  return *std::max_element(lanes, lanes + kLanes);
}

/// 2^x with a relative error of 2e-7; x below -126 counts as -126, above 127 as 127.
template <std::size_t bytes>
LLM2CLIP_INLINE Floats<bytes> power_of_two(Floats<bytes> x) {
  x = smaller(Floats<bytes>(127.0f), larger(Floats<bytes>(-126.0f), x));
  // Adding 1.5 * 2^23 rounds to a whole number n and leaves it in the low bits.
  const Floats<bytes> shifted = x + 12582912.0f;
  const Floats<bytes> f = x - (shifted - 12582912.0f);  // -0.5..0.5
  // The Taylor series of 2^f; what is left out is below 2e-8.
  Floats<bytes> p = f * 1.5403530393e-4f + 1.3333558146e-3f;
  p = p * f + 9.6181291076e-3f;
  p = p * f + 5.5504108665e-2f;
  p = p * f + 2.4022650696e-1f;
  p = p * f + 6.9314718056e-1f;
  p = p * f + 1.0f;
  Words<bytes> exponents = bits_of(shifted);
  for (auto& part : exponents.parts) part <<= 23;
  return floats_of(bits_of(p) + exponents);
}

template <std::size_t bytes>
LLM2CLIP_INLINE Floats<bytes> sigmoid(const Floats<bytes>& x) {
  return 1.0f / (1.0f + power_of_two(x * -1.4426950409f));
}

/// Calls `whole(i)` for each i = 0, 16, ... with a full vector behind it, then `rest(i, count)`.
template <typename Whole, typename Rest>
LLM2CLIP_INLINE void each_vector(std::int64_t size, Whole&& whole, Rest&& rest) {
  std::int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) whole(i);
  if (i < size) rest(i, size - i);
}

/// `count` values in float32. GCC makes "rep movs" of memcpy of so many bytes, which takes four
/// times as long.
template <std::size_t bytes, typename Stored>
LLM2CLIP_INLINE void widen(const Stored* from, std::int64_t count, float* to) {
  each_vector(
      count, [&](std::int64_t i) LLM2CLIP_INLINE_LAMBDA { store(load<bytes>(from + i), to + i); },
      [&](std::int64_t i, std::int64_t rest)
          LLM2CLIP_INLINE_LAMBDA { store_some(load_some<bytes>(from + i, rest), to + i, rest); });
}

/// out[i] = f(x[i], y[i]), computed in float32.
template <std::size_t bytes, typename In, typename Out, typename F>
LLM2CLIP_INLINE void map_pairs(const In* x, const In* y, Out* out, std::int64_t count, const F& f) {
  each_vector(
      count,
      [&](std::int64_t i)
          LLM2CLIP_INLINE_LAMBDA { store(f(load<bytes>(x + i), load<bytes>(y + i)), out + i); },
      [&](std::int64_t i, std::int64_t rest) LLM2CLIP_INLINE_LAMBDA {
        store_some(f(load_some<bytes>(x + i, rest), load_some<bytes>(y + i, rest)), out + i, rest);
      });
}

}  // namespace llm2clip::vector

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
