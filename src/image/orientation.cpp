#include "image/orientation.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "image/tiff_directory.h"

namespace llm2clip {
namespace {

constexpr int kUpright = 1;

// Pillow's search for tiff:Orientation(="|>)([0-9]).
int xmp_orientation(std::span<const std::uint8_t> xmp) {
  constexpr std::string_view kKey = "tiff:Orientation";
  std::string_view text(reinterpret_cast<const char*>(xmp.data()), xmp.size());
  for (std::size_t at = text.find(kKey); at != text.npos; at = text.find(kKey)) {
    text.remove_prefix(at + kKey.size());
    const std::size_t start = text.starts_with("=\"") ? 2 : text.starts_with(">") ? 1 : 0;
    if (start != 0 && text.size() > start && text[start] >= '0' && text[start] <= '9') {
      return text[start] - '0';
    }
  }
  return kUpright;
}

// Where the pixel (x, y) of the turned picture comes from. `right` and `bottom` are the last column
// and row of the original.
struct Point {
  std::size_t x, y;
};

Point origin_of(std::size_t x, std::size_t y, std::size_t right, std::size_t bottom,
                int orientation) {
  switch (orientation) {
    case 2:
      return {right - x, y};
    case 3:
      return {right - x, bottom - y};
    case 4:
      return {x, bottom - y};
    case 5:
      return {y, x};
    case 6:
      return {y, bottom - x};
    case 7:
      return {right - y, bottom - x};
    case 8:
      return {right - y, x};
    default:
      return {x, y};
  }
}

}  // namespace

int orientation_of(std::span<const std::uint8_t> exif, std::span<const std::uint8_t> xmp) {
  const auto directory = TiffDirectory::parse(exif);
  if (directory && directory->has(TiffTag::orientation)) {
    return static_cast<int>(std::min<std::uint64_t>(directory->value(TiffTag::orientation, 1), 9));
  }
  return xmp_orientation(xmp);
}

Image apply_orientation(Image image, int orientation) {
  if (orientation < 2 || orientation > 8) return image;
  Image turned = image;
  if (orientation >= 5) std::swap(turned.width, turned.height);
  const std::size_t bytes = bytes_per_pixel(image.mode);
  const auto width = static_cast<std::size_t>(turned.width);
  const auto height = static_cast<std::size_t>(turned.height);
  const auto right = static_cast<std::size_t>(image.width) - 1;
  const auto bottom = static_cast<std::size_t>(image.height) - 1;
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < width; ++x) {
      const Point from = origin_of(x, y, right, bottom, orientation);
      std::memcpy(&turned.pixels[(y * width + x) * bytes],
                  &image.pixels[(from.y * (right + 1) + from.x) * bytes], bytes);
    }
  }
  return turned;
}

}  // namespace llm2clip
