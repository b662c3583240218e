#include <algorithm>
#include <array>

#include "base/errors_only.h"
#include "image/check_image.h"
#include "image/image_rows.h"
#include "image/samples.h"
#include "llm2clip/image.h"

namespace llm2clip {
namespace {

using Rgb = std::array<std::uint8_t, 3>;

constexpr Rgb gray(std::uint8_t level) { return {level, level, level}; }

// Convert.c: i2rgb and f2l, and below them I16_RGB. What is no number is black.
template <typename Number>
Rgb clipped(Number value) {
  if (value >= 255) return gray(255);
  return gray(value > 0 ? static_cast<std::uint8_t>(value) : std::uint8_t{0});
}

// Convert.c: cmyk2rgb.
Rgb cmyk_to_rgb(const std::uint8_t* inks) {
  const unsigned light = 255u - inks[3];
  Rgb rgb;
  for (std::size_t i = 0; i < 3; ++i) {
    rgb[i] = static_cast<std::uint8_t>(light - multiply_255(inks[i], light));
  }
  return rgb;
}

// All 256 colors: those the file does not give are black.
std::array<Rgb, 256> full_palette(std::span<const std::uint8_t> palette) {
  std::array<Rgb, 256> colors{};
  for (std::size_t i = 0; i < palette.size() / 3; ++i) {
    colors[i] = {palette[3 * i], palette[3 * i + 1], palette[3 * i + 2]};
  }
  return colors;
}

// Calls `color` with the bytes of each pixel.
template <typename Color>
Image converted(const ImageView& image, const Color& color) {
  const auto width = static_cast<std::size_t>(image.width);
  const auto height = static_cast<std::size_t>(image.height);
  const std::size_t bytes = bytes_per_pixel(image.mode);
  const PixelRows rows = rows_of(image);
  Image rgb{.width = image.width, .height = image.height};
  rgb.pixels.resize(3 * width * height);
  std::uint8_t* to = rgb.pixels.data();
  for (std::size_t y = 0; y < height; ++y) {
    const std::uint8_t* from = rows[y];
    for (std::size_t x = 0; x < width; ++x, from += bytes, to += 3) {
      const Rgb value = color(from);
      to[0] = value[0];
      to[1] = value[1];
      to[2] = value[2];
    }
  }
  return rgb;
}

}  // namespace

std::size_t bytes_per_pixel(ImageMode mode) {
  switch (mode) {
    case ImageMode::bilevel:
    case ImageMode::gray:
    case ImageMode::palette:
      return 1;
    case ImageMode::gray_alpha:
    case ImageMode::gray16:
      return 2;
    case ImageMode::rgb:
      return 3;
    case ImageMode::rgba:
    case ImageMode::cmyk:
    case ImageMode::int32:
    case ImageMode::float32:
      return 4;
  }
  return 0;
}

Image to_image(const ImageView& image) try {
  check_image(image);
  Image result{.width = image.width,
               .height = image.height,
               .mode = image.mode,
               .pixels = packed_pixels(image),
               .palette = {image.palette.begin(), image.palette.end()}};
  if (is_blue_first(image)) swap_red_and_blue(result);
  return result;
} catch (...) {
  rethrow_as_error("image");
}

Image to_rgb(const ImageView& image) try {
  check_image(image);
  using Bytes = const std::uint8_t*;
  switch (image.mode) {
    case ImageMode::bilevel:
      return converted(image, [](Bytes p) { return gray(*p ? 255 : 0); });
    case ImageMode::gray:
    case ImageMode::gray_alpha:
      return converted(image, [](Bytes p) { return gray(*p); });
    case ImageMode::palette: {
      const auto colors = full_palette(image.palette);
      return converted(image, [&](Bytes p) { return colors[*p]; });
    }
    case ImageMode::rgb:
      break;
    case ImageMode::rgba:
      if (is_blue_first(image)) {
        return converted(image, [](Bytes p) { return Rgb{p[2], p[1], p[0]}; });
      }
      return converted(image, [](Bytes p) { return Rgb{p[0], p[1], p[2]}; });
    case ImageMode::cmyk:
      return converted(image, cmyk_to_rgb);
    case ImageMode::gray16:
      return converted(image, [](Bytes p) { return clipped(load_sample<std::uint16_t>(p)); });
    case ImageMode::int32:
      return converted(image, [](Bytes p) { return clipped(load_sample<std::int32_t>(p)); });
    case ImageMode::float32:
      return converted(image, [](Bytes p) { return clipped(load_sample<float>(p)); });
  }
  return to_image(image);
} catch (...) {
  rethrow_as_error("image");
}

}  // namespace llm2clip
