#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "widest.h"

// Sixteen floats at a time with the compiler's vector types: one 512-bit register, or as many smaller
// ones as the processor has.
//
// Such vectors are passed in registers that depend on the level. Everything is inlined: none is.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace llm2clip::vector {

constexpr std::int64_t kLanes = 16;

using Floats [[gnu::vector_size(64)]] = float;
using Words [[gnu::vector_size(64)]] = std::uint32_t;
using HalfWords [[gnu::vector_size(32)]] = std::uint16_t;

/// The bits of a bfloat16.
using BFloat16 = std::uint16_t;

LLM2CLIP_INLINE Floats all(float value) { return Floats{} + value; }

LLM2CLIP_INLINE Floats load(const float* from) {
  Floats values;
  std::memcpy(&values, from, sizeof values);
  return values;
}
LLM2CLIP_INLINE Floats load(const BFloat16* from) {
  HalfWords values;
  std::memcpy(&values, from, sizeof values);
  return reinterpret_cast<Floats>(__builtin_convertvector(values, Words) << 16);
}

LLM2CLIP_INLINE void store(Floats values, float* to) { std::memcpy(to, &values, sizeof values); }
/// Rounded to the nearest, ties to even; a NaN stays one unless its low bits alone say so.
LLM2CLIP_INLINE void store(Floats values, BFloat16* to) {
  const Words bits = reinterpret_cast<Words>(values);
  const Words rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const HalfWords halves = __builtin_convertvector(rounded, HalfWords);
  std::memcpy(to, &halves, sizeof halves);
}

/// The first `count` of a vector; the others are zero.
template <typename Stored>
LLM2CLIP_INLINE Floats load_some(const Stored* from, std::int64_t count) {
  Stored values[kLanes] = {};
  std::memcpy(values, from, static_cast<std::size_t>(count) * sizeof(Stored));
  return load(values);
}
template <typename Stored>
LLM2CLIP_INLINE void store_some(Floats vector, Stored* to, std::int64_t count) {
  Stored values[kLanes];
  store(vector, values);
  std::memcpy(to, values, static_cast<std::size_t>(count) * sizeof(Stored));
}

/// What `values` become when they are stored as `Stored`.
template <typename Stored>
LLM2CLIP_INLINE Floats rounded(Floats values) {
  Stored stored[kLanes];
  store(values, stored);
  return load(stored);
}
template <>
LLM2CLIP_INLINE Floats rounded<float>(Floats values) {
  return values;
}

LLM2CLIP_INLINE Floats larger(Floats a, Floats b) { return a > b ? a : b; }

/// The sum of the lanes, always in the same order.
LLM2CLIP_INLINE float sum_of(Floats values) {
  float lanes[kLanes];
  store(values, lanes);
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

LLM2CLIP_INLINE float largest_of(Floats values) {
  float lanes[kLanes];
  store(values, lanes);
  return *std::max_element(lanes, lanes + kLanes);
}

/// 2^x with a relative error of 2e-7; x below -126 counts as -126, above 127 as 127.
LLM2CLIP_INLINE Floats power_of_two(Floats x) {
  x = x < -126.0f ? all(-126.0f) : x;
  x = x > 127.0f ? all(127.0f) : x;
  // Adding 1.5 * 2^23 rounds to a whole number n and leaves it in the low bits.
  const Floats shifted = x + 12582912.0f;
  const Floats f = x - (shifted - 12582912.0f);  // -0.5..0.5
  // The Taylor series of 2^f; what is left out is below 2e-8.
  Floats p = f * 1.5403530393e-4f + 1.3333558146e-3f;
  p = p * f + 9.6181291076e-3f;
  p = p * f + 5.5504108665e-2f;
  p = p * f + 2.4022650696e-1f;
  p = p * f + 6.9314718056e-1f;
  p = p * f + 1.0f;
  return reinterpret_cast<Floats>(reinterpret_cast<Words>(p) +
                                  (reinterpret_cast<Words>(shifted) << 23));
}

LLM2CLIP_INLINE Floats sigmoid(Floats x) {
  return 1.0f / (1.0f + power_of_two(x * -1.4426950409f));
}

/// Calls `whole(i)` for each i = 0, 16, ... with a full vector behind it, then `rest(i, count)`.
template <typename Whole, typename Rest>
LLM2CLIP_INLINE void each_vector(std::int64_t size, Whole&& whole, Rest&& rest) {
  std::int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) whole(i);
  if (i < size) rest(i, size - i);
}

/// out[i] = f(x[i], y[i]), computed in float32.
template <typename In, typename Out, typename F>
LLM2CLIP_INLINE void map_pairs(const In* x, const In* y, Out* out, std::int64_t count, const F& f) {
  each_vector(
      count,
      [&](std::int64_t i) LLM2CLIP_INLINE_LAMBDA { store(f(load(x + i), load(y + i)), out + i); },
      [&](std::int64_t i, std::int64_t rest) LLM2CLIP_INLINE_LAMBDA {
        store_some(f(load_some(x + i, rest), load_some(y + i, rest)), out + i, rest);
      });
}

}  // namespace llm2clip::vector

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
