#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace llm2clip {

/// Splits bytes into samples of 1, 2, 4 or 8 bits, the highest bits first. One byte a sample;
/// `bits` * samples.size() bits of `packed` are read.
inline void unpack_bits(std::span<const std::uint8_t> packed, unsigned bits,
                        std::span<std::uint8_t> samples) {
  const unsigned per_byte = 8 / bits;
  const unsigned mask = (1u << bits) - 1;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const auto place = static_cast<unsigned>(per_byte - 1 - i % per_byte);
    samples[i] = static_cast<std::uint8_t>((packed[i / per_byte] >> (place * bits)) & mask);
  }
}

/// What a gray sample of `bits` is multiplied by to reach 255.
constexpr unsigned gray_scale(unsigned bits) { return 255 / ((1u << bits) - 1); }

/// The bytes of one sample, without a promise about alignment.
template <typename Sample>
Sample load_sample(const std::uint8_t* bytes) {
  Sample sample;
  std::memcpy(&sample, bytes, sizeof(sample));
  return sample;
}

template <typename Sample>
void store_sample(std::uint8_t* bytes, Sample sample) {
  std::memcpy(bytes, &sample, sizeof(sample));
}

/// Pillow's MULDIV255: a * b / 255, rounded.
constexpr std::uint8_t multiply_255(unsigned a, unsigned b) {
  const unsigned product = a * b + 128;
  return static_cast<std::uint8_t>(((product >> 8) + product) >> 8);
}

/// Pillow's rgba2rgbA of one sample: a color out of its product with alpha.
constexpr std::uint8_t unpremultiply(unsigned color, unsigned alpha) {
  if (alpha == 0 || alpha == 255) return static_cast<std::uint8_t>(color);
  const unsigned value = 255 * color / alpha;
  return static_cast<std::uint8_t>(value > 255 ? 255 : value);
}

}  // namespace llm2clip
