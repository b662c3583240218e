#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace llm2clip {

/// The bits of the IEEE 754 half nearest to `value`, ties to even; beyond 65519 infinity.
std::uint16_t to_float16(float value);

/// The value of a half.
float from_float16(std::uint16_t bits);

std::vector<std::uint16_t> to_float16(std::span<const float> values);

}  // namespace llm2clip
