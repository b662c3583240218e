#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/widest.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace llm2clip {

template <std::size_t bytes>
using Floats = Sixteen<float, bytes>;

/// Sixteen finite float16 as float32, by whole numbers: where the processor has nothing better.
template <std::size_t bytes>
LLM2CLIP_INLINE Floats<bytes> widened_halves(const std::uint16_t* from) {
  using Words = Sixteen<std::uint32_t, bytes>;
  Words magnitudes;
  Words signs;
  for (std::size_t part = 0; part < Words::kParts; ++part) {
    std::uint32_t wide[Words::kEach];
    for (std::size_t i = 0; i < Words::kEach; ++i) wide[i] = from[part * Words::kEach + i];
    std::memcpy(&magnitudes.parts[part], wide, bytes);
    signs.parts[part] = (magnitudes.parts[part] & 0x8000u) << 16;
    magnitudes.parts[part] = (magnitudes.parts[part] & 0x7fffu) << 13;
  }
  // A half's exponent and fraction, moved to where a float has them, are a number 2^112 times too
  // small; that holds for subnormal ones, too.
  constexpr float kScale = 0x1p112f;
  Words bits = __builtin_bit_cast(Words, __builtin_bit_cast(Floats<bytes>, magnitudes) * kScale);
  for (std::size_t part = 0; part < Words::kParts; ++part) bits.parts[part] |= signs.parts[part];
  return __builtin_bit_cast(Floats<bytes>, bits);
}

#if defined(__x86_64__) && defined(__GNUC__)
#define LLM2CLIP_CONVERTS_HALVES 1
/// As many float16 as a register of AVX2 or AVX-512 has floats.
///
/// The compiler has no conversion of vectors of halves below AVX512-FP16, and its intrinsics cannot
/// be inlined into a loop that is compiled for several levels: so the instruction itself, which
/// x86-64-v3 and v4 have.
template <std::size_t bytes>
LLM2CLIP_INLINE typename Floats<bytes>::Register converted_halves(const std::uint16_t* from) {
  struct Halves {
    std::uint16_t values[Floats<bytes>::kEach];
  };
  typename Floats<bytes>::Register values;
  asm("vcvtph2ps %1, %0" : "=v"(values) : "m"(*reinterpret_cast<const Halves*>(from)));
  return values;
}
#else
#define LLM2CLIP_CONVERTS_HALVES 0
#endif

/// Sixteen finite float16 as float32.
template <std::size_t bytes>
LLM2CLIP_INLINE Floats<bytes> load_halves(const std::uint16_t* from) {
#if LLM2CLIP_CONVERTS_HALVES
  if constexpr (bytes > 16) {
    Floats<bytes> values;
    for (std::size_t part = 0; part < Floats<bytes>::kParts; ++part) {
      values.parts[part] = converted_halves<bytes>(from + part * Floats<bytes>::kEach);
    }
    return values;
  }
#endif
  return widened_halves<bytes>(from);
}

/// The first `count` of sixteen; the others are zero.
template <std::size_t bytes>
LLM2CLIP_INLINE Floats<bytes> load_some_halves(const std::uint16_t* from, std::size_t count) {
  std::uint16_t some[16] = {};
  std::memcpy(some, from, count * sizeof *some);
  return load_halves<bytes>(some);
}

}  // namespace llm2clip

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
