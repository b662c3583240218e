#pragma once

#include <cstdint>
#include <span>

namespace llm2clip {

/// Decodes the codes of a GIF frame into exactly `indices.size()` pixels; what follows them is
/// ignored. `code_bits` is the minimum code size of the frame. False for damaged or missing data.
bool decode_gif_lzw(std::span<const std::uint8_t> data, unsigned code_bits,
                    std::span<std::uint8_t> indices);

}  // namespace llm2clip
