#include "store/float16.h"

#include <bit>
#include <cmath>

#include "base/names.h"
#include "llm2clip/embeddings_file.h"

namespace llm2clip {
namespace {

constexpr std::array<Named<StoredPrecision>, 2> kStored = {
    {{StoredPrecision::float32, "float32"}, {StoredPrecision::float16, "float16"}}};

}  // namespace

const char* to_string(StoredPrecision precision) { return name_of(kStored, precision); }

template <>
StoredPrecision from_string(std::string_view name) {
  return value_of(kStored, "stored precision", name);
}

std::uint16_t to_float16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u);   // NaN
  if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // >= 65520
  if (magnitude < 0x38800000u) {  // below 2^-14: a subnormal half counts units of 2^-24
    // Adding 0.5 leaves exactly these units in the low bits, rounded by the processor to even.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
  }
  const std::uint32_t rounding = 0x0fffu + ((magnitude >> 13) & 1u);
  return static_cast<std::uint16_t>(sign | ((magnitude + rounding - 0x38000000u) >> 13));
}

float from_float16(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1f;
  const int fraction = bits & 0x3ff;
  float magnitude = 0;
  if (exponent == 0x1f) {
    magnitude = fraction == 0 ? INFINITY : NAN;
  } else if (exponent == 0) {
    magnitude = std::ldexp(static_cast<float>(fraction), -24);
  } else {
    magnitude = std::ldexp(static_cast<float>(fraction + 0x400), exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

std::vector<std::uint16_t> to_float16(std::span<const float> values) {
  std::vector<std::uint16_t> halves;
  halves.reserve(values.size());
  for (const float value : values) halves.push_back(to_float16(value));
  return halves;
}

}  // namespace llm2clip
