#pragma once

// Loops over vectors of the compiler's own types, compiled once for each level of x86-64; which of
// them runs is chosen when a loop is called first.
//
//   widest([&](auto registers) LLM2CLIP_INLINE_LAMBDA { add_values<registers>(x, y, sum, count);
//   });
//
// `registers` is the size in bytes of the level's vector registers: Sixteen is made of them. What a
// loop calls must be inlined into it (LLM2CLIP_INLINE), or stays at the lowest level. The choice is
// written out instead of left to target_clones, whose resolver runs before a program has its
// environment: LLM2CLIP_MAX_CPU_ISA=AVX2 (or DEFAULT) holds it down, so that a machine with AVX-512
// can test what others run.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

// Such vectors are passed in registers that depend on the level. Everything is inlined: none is.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define LLM2CLIP_LEVELS 1
#else
#define LLM2CLIP_LEVELS 0
#endif
#define LLM2CLIP_INLINE __attribute__((always_inline)) inline
#define LLM2CLIP_INLINE_LAMBDA __attribute__((always_inline))

namespace llm2clip {

/// What our loops are compiled for: plain x86-64 (or any other processor), x86-64-v3, x86-64-v4.
enum class VectorLevel { plain, avx2, avx512 };

/// As LLM2CLIP_MAX_CPU_ISA spells them: "DEFAULT", "AVX2", "AVX512".
constexpr const char* to_string(VectorLevel level) {
  return level == VectorLevel::avx512 ? "AVX512" : level == VectorLevel::avx2 ? "AVX2" : "DEFAULT";
}

/// What LLM2CLIP_MAX_CPU_ISA can hold our loops down to: a level alone, or what products use beside
/// it. Each allows those before it.
enum class Isa { plain, avx2, avx2_vnni, avx512, avx512_bf16, amx };

constexpr std::array<std::pair<std::string_view, Isa>, 6> kIsaNames = {{
    {"DEFAULT", Isa::plain},
    {"AVX2", Isa::avx2},
    {"AVX2_VNNI", Isa::avx2_vnni},
    {"AVX512", Isa::avx512},
    {"AVX512_BF16", Isa::avx512_bf16},  // and AVX512_VNNI
    {"AMX", Isa::amx},
}};

/// The one of that name; empty for another name.
constexpr std::optional<Isa> isa_named(std::string_view name) {
  for (const auto& [known, isa] : kIsaNames) {
    if (name == known) return isa;
  }
  return std::nullopt;
}

/// The widest level that this processor has.
inline VectorLevel processor_vector_level() {
#if LLM2CLIP_LEVELS
  if (__builtin_cpu_supports("x86-64-v4")) return VectorLevel::avx512;
  if (__builtin_cpu_supports("x86-64-v3")) return VectorLevel::avx2;
#endif
  return VectorLevel::plain;
}

/// What LLM2CLIP_MAX_CPU_ISA names. A name that is none allows all.
inline Isa allowed_isa() {
  const char* name = std::getenv("LLM2CLIP_MAX_CPU_ISA");
  return isa_named(name ? name : "").value_or(Isa::amx);
}

/// Whether LLM2CLIP_MAX_CPU_ISA allows `isa`.
inline bool allows(Isa isa) { return isa <= allowed_isa(); }

/// The widest level that LLM2CLIP_MAX_CPU_ISA allows.
inline VectorLevel allowed_vector_level() {
  return allows(Isa::avx512) ? VectorLevel::avx512
         : allows(Isa::avx2) ? VectorLevel::avx2
                             : VectorLevel::plain;
}

/// The widest level that this processor has and LLM2CLIP_MAX_CPU_ISA allows; found once.
inline VectorLevel vector_level() {
  static const VectorLevel level = std::min(processor_vector_level(), allowed_vector_level());
  return level;
}

#if LLM2CLIP_LEVELS
template <typename Loop>
__attribute__((target("arch=x86-64-v4"))) void at_avx512(const Loop& loop) {
  loop(std::integral_constant<std::size_t, 64>());
}
template <typename Loop>
__attribute__((target("arch=x86-64-v3"))) void at_avx2(const Loop& loop) {
  loop(std::integral_constant<std::size_t, 32>());
}
#endif
template <typename Loop>
void at_plain(const Loop& loop) {
#if defined(__AVX2__)
  loop(std::integral_constant<std::size_t, 32>());
#else
  loop(std::integral_constant<std::size_t, 16>());
#endif
}

/// Calls `loop`, a lambda marked LLM2CLIP_INLINE_LAMBDA, at the widest level.
template <typename Loop>
void widest(const Loop& loop) {
#if LLM2CLIP_LEVELS
  switch (vector_level()) {
    case VectorLevel::avx512:
      return at_avx512(loop);
    case VectorLevel::avx2:
      return at_avx2(loop);
    case VectorLevel::plain:
      break;
  }
#endif
  at_plain(loop);
}

/// Sixteen values of four bytes, in registers of `bytes` bytes.
///
/// One type of 64 bytes would do for the compiler; but below AVX-512 GCC 12 keeps such values in
/// memory and takes them apart there: resizing was fifty times as slow.
template <typename T, std::size_t bytes>
struct Sixteen {
  static constexpr std::size_t kParts = 64 / bytes;
  static constexpr std::size_t kEach = bytes / sizeof(T);
  using Register [[gnu::vector_size(bytes)]] = T;

  Register parts[kParts];

  Sixteen() = default;
  /// All of them `value`.
  LLM2CLIP_INLINE explicit Sixteen(T value) {
    for (Register& part : parts) part = value - Register{};
  }

  LLM2CLIP_INLINE static Sixteen load(const T* from) {
    Sixteen values;
    for (std::size_t i = 0; i < kParts; ++i) {
      std::memcpy(&values.parts[i], from + i * kEach, bytes);
    }
    return values;
  }
  LLM2CLIP_INLINE void store(T* to) const {
    for (std::size_t i = 0; i < kParts; ++i) std::memcpy(to + i * kEach, &parts[i], bytes);
  }

// With another sixteen, or with one value that stands for sixteen.
#define LLM2CLIP_OPERATOR(op)                                                       \
  LLM2CLIP_INLINE friend Sixteen operator op(Sixteen a, const Sixteen& b) {         \
    for (std::size_t i = 0; i < kParts; ++i) a.parts[i] = a.parts[i] op b.parts[i]; \
    return a;                                                                       \
  }                                                                                 \
  LLM2CLIP_INLINE friend Sixteen operator op(Sixteen a, T b) {                      \
    for (std::size_t i = 0; i < kParts; ++i) a.parts[i] = a.parts[i] op b;          \
    return a;                                                                       \
  }                                                                                 \
  LLM2CLIP_INLINE friend Sixteen operator op(T a, Sixteen b) {                      \
    for (std::size_t i = 0; i < kParts; ++i) b.parts[i] = a op b.parts[i];          \
    return b;                                                                       \
  }
  LLM2CLIP_OPERATOR(+)
  LLM2CLIP_OPERATOR(-)
  LLM2CLIP_OPERATOR(*)
  LLM2CLIP_OPERATOR(/)
#undef LLM2CLIP_OPERATOR
  LLM2CLIP_INLINE Sixteen& operator+=(const Sixteen& other) {
    for (std::size_t i = 0; i < kParts; ++i) parts[i] += other.parts[i];
    return *this;
  }

  LLM2CLIP_INLINE friend Sixteen larger(Sixteen a, const Sixteen& b) {
    for (std::size_t i = 0; i < kParts; ++i) {
      a.parts[i] = a.parts[i] > b.parts[i] ? a.parts[i] : b.parts[i];
    }
    return a;
  }
  LLM2CLIP_INLINE friend Sixteen smaller(Sixteen a, const Sixteen& b) {
    for (std::size_t i = 0; i < kParts; ++i) {
      a.parts[i] = a.parts[i] < b.parts[i] ? a.parts[i] : b.parts[i];
    }
    return a;
  }
};

}  // namespace llm2clip

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
