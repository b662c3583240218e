#include "llm2clip/thumbnail.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/errors_only.h"
#include "image/check_image.h"
#include "image/formats/encode_jpeg.h"
#include "image/orientation.h"
#include "image/read_oriented.h"
#include "image/resize.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

constexpr int kQuality = 82;

int scaled(int length, int longest, int side) {
  return std::max(1, static_cast<int>(std::lround(static_cast<double>(length) * side / longest)));
}

Image shrunk(const ImageView& image, int side) {
  check_image(image);
  Image rgb = to_rgb(image);
  const int longest = std::max(rgb.width, rgb.height);
  if (longest <= side) return rgb;
  const Window all{0, 0, scaled(rgb.width, longest, side), scaled(rgb.height, longest, side)};
  return resize_window(rgb, all.width, all.height, all);
}

Thumbnail as_jpeg(const Image& rgb) { return {rgb.width, rgb.height, encode_jpeg(rgb, kQuality)}; }

}  // namespace

Thumbnail make_thumbnail(const ImageView& image, int side) try {
  if (side < 1) {
    throw Error(ErrorKind::invalid_argument,
                "side: " + std::to_string(side) + ", at least 1 pixel is expected");
  }
  return as_jpeg(shrunk(image, side));
} catch (...) {
  rethrow_as_error("image");
}

Thumbnail upright_thumbnail(const ImageView& image, int orientation, int side) {
  return as_jpeg(apply_orientation(shrunk(image, side), orientation));
}

}  // namespace llm2clip
