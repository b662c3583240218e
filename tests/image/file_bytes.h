#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "llm2clip/image.h"

namespace llm2clip::testing {

using Bytes = std::vector<std::uint8_t>;

Bytes bytes_of(std::string_view text);
Bytes operator+(Bytes left, const Bytes& right);

Bytes le16(std::uint32_t value);
Bytes le32(std::uint32_t value);
Bytes be16(std::uint32_t value);
Bytes be32(std::uint32_t value);

std::uint32_t crc32_of(std::span<const std::uint8_t> bytes);

Bytes png_chunk(std::string_view kind, const Bytes& data);

/// A PNG of zeros: `bits` and `color_type` as in IHDR. Its rows are in the file when `with_data`.
Bytes png_file(std::uint32_t width, std::uint32_t height, unsigned bits, unsigned color_type,
               bool with_data = true);

/// A gray JPEG of zeros that libjpeg wrote.
Bytes jpeg_file(int width, int height, bool progressive = false);

/// A lossless WebP of zeros.
Bytes webp_file(int width, int height);

/// Uncompressed, one strip of 8-bit gray at the end.
Bytes tiff_file(std::uint32_t width, std::uint32_t height, const Bytes& pixels);

/// 24 bits a pixel.
Bytes bmp_file(std::uint32_t width, std::uint32_t height, const Bytes& rows);

/// One frame of 4x4 pixels with the colors 1, 2 and 3, on a canvas of the given size.
Bytes gif_file(std::uint32_t canvas_width, std::uint32_t canvas_height);

/// pixel(x, y) = (7x + 3y, x * x + y, x ^ y), each modulo 256 (reference.md 11.1).
Image synthetic_image(int width, int height);

Image image_of(ImageMode mode, int width, int height, const Bytes& pixels);

/// The message of the Error(unreadable_input) that decoding `file` gives; fails without one.
std::string refusal_of(const Bytes& file, const ReadOptions& options = {});

}  // namespace llm2clip::testing
