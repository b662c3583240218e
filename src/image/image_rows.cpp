#include "image/image_rows.h"

#include <utility>

namespace llm2clip {

std::size_t row_bytes(const ImageView& image) {
  return static_cast<std::size_t>(image.width) * bytes_per_pixel(image.mode);
}

PixelRows rows_of(const ImageView& image) {
  const auto packed = static_cast<std::ptrdiff_t>(row_bytes(image));
  const std::ptrdiff_t step = image.stride == 0 ? packed : image.stride;
  const std::ptrdiff_t before_top = step < 0 ? (1 - image.height) * step : 0;
  return {image.pixels.data() + before_top, step};
}

std::vector<std::uint8_t> packed_pixels(const ImageView& image) {
  const PixelRows rows = rows_of(image);
  const std::size_t bytes = row_bytes(image);
  const auto height = static_cast<std::size_t>(image.height);
  if (rows.step == static_cast<std::ptrdiff_t>(bytes)) {
    return {rows.top, rows.top + height * bytes};
  }
  std::vector<std::uint8_t> pixels;
  pixels.reserve(height * bytes);
  for (std::size_t y = 0; y < height; ++y) {
    pixels.insert(pixels.end(), rows[y], rows[y] + bytes);
  }
  return pixels;
}

bool is_blue_first(const ImageView& image) {
  return image.channels == ChannelOrder::bgr &&
         (image.mode == ImageMode::rgb || image.mode == ImageMode::rgba);
}

void swap_red_and_blue(Image& image) {
  const std::size_t bytes = bytes_per_pixel(image.mode);
  for (std::size_t i = 0; i + 2 < image.pixels.size(); i += bytes) {
    std::swap(image.pixels[i], image.pixels[i + 2]);
  }
}

}  // namespace llm2clip
