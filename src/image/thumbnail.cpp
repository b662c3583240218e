#include <algorithm>
#include <cmath>

#include "base/errors_only.h"
#include "image/check_image.h"
#include "image/formats/encode_jpeg.h"
#include "image/resize.h"
#include "llm2clip/detail/command_line.h"
#include "llm2clip/image.h"

namespace llm2clip::detail {
namespace {

constexpr int kQuality = 82;

int scaled(int length, int longest, int side) {
  return std::max(1, static_cast<int>(std::lround(static_cast<double>(length) * side / longest)));
}

}  // namespace

Thumbnail thumbnail(const ImageView& image, int side) try {
  check_image(image);
  Image rgb = to_rgb(image);
  const int longest = std::max(rgb.width, rgb.height);
  if (longest > side) {
    const Window all{0, 0, scaled(rgb.width, longest, side), scaled(rgb.height, longest, side)};
    rgb = resize_window(rgb, all.width, all.height, all);
  }
  return {rgb.width, rgb.height, encode_jpeg(rgb, kQuality)};
} catch (...) {
  rethrow_as_error("image");
}

}  // namespace llm2clip::detail
