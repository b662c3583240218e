#include "image/check_image.h"

#include <string>

#include "image/image_rows.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorKind::invalid_argument, "image: " + message);
}

// Divided, because the products may not fit.
void check_packed(const ImageView& image, const std::string& size) {
  const std::size_t pixel_bytes = bytes_per_pixel(image.mode);
  const std::size_t row = row_bytes(image);
  if (image.pixels.size() % row == 0 &&
      image.pixels.size() / row == static_cast<std::size_t>(image.height)) {
    return;
  }
  refuse("is " + size + " with " + std::to_string(pixel_bytes) + " bytes a pixel, but has " +
         std::to_string(image.pixels.size()) + " bytes");
}

void check_strided(const ImageView& image, const std::string& size) {
  const std::size_t row = row_bytes(image);
  // Without an absolute value, which the smallest number does not have.
  const std::size_t stride = image.stride < 0
                                 ? std::size_t{0} - static_cast<std::size_t>(image.stride)
                                 : static_cast<std::size_t>(image.stride);
  if (stride < row) {
    refuse("has a stride of " + std::to_string(image.stride) + ", at least the " +
           std::to_string(row) + " bytes of a row are expected");
  }
  const auto others = static_cast<std::size_t>(image.height) - 1;
  if (image.pixels.size() >= row && (image.pixels.size() - row) / stride >= others) return;
  refuse("is " + size + " with rows of " + std::to_string(row) + " bytes, " +
         std::to_string(stride) + " apart, but has " + std::to_string(image.pixels.size()) +
         " bytes");
}

}  // namespace

void check_image(const ImageView& image) {
  const std::string size = std::to_string(image.width) + "x" + std::to_string(image.height);
  if (image.width < 1 || image.height < 1) refuse("is " + size + ", at least 1x1 is expected");
  if (bytes_per_pixel(image.mode) == 0) refuse("has an unknown mode");
  if (image.channels != ChannelOrder::rgb && image.channels != ChannelOrder::bgr) {
    refuse("has an unknown order of channels");
  }
  if (image.stride == 0) {
    check_packed(image, size);
  } else {
    check_strided(image, size);
  }
  if (image.palette.size() % 3 != 0 || image.palette.size() > 768) {
    refuse("has a palette of " + std::to_string(image.palette.size()) +
           " bytes, up to 256 RGB triples are expected");
  }
}

}  // namespace llm2clip
