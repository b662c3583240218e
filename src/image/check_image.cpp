#include "image/check_image.h"

#include <string>

#include "llm2clip/error.h"

namespace llm2clip {
namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorKind::invalid_argument, "image: " + message);
}

}  // namespace

void check_image(const Image& image) {
  const std::size_t pixel_bytes = bytes_per_pixel(image.mode);
  const std::string size = std::to_string(image.width) + "x" + std::to_string(image.height);
  if (image.width < 1 || image.height < 1) refuse("is " + size + ", at least 1x1 is expected");
  if (pixel_bytes == 0) refuse("has an unknown mode");
  // Divided, because the product may not fit.
  const std::size_t row_bytes = static_cast<std::size_t>(image.width) * pixel_bytes;
  if (image.pixels.size() % row_bytes != 0 ||
      image.pixels.size() / row_bytes != static_cast<std::size_t>(image.height)) {
    refuse("is " + size + " with " + std::to_string(pixel_bytes) + " bytes a pixel, but has " +
           std::to_string(image.pixels.size()) + " bytes");
  }
  if (image.palette.size() % 3 != 0 || image.palette.size() > 768) {
    refuse("has a palette of " + std::to_string(image.palette.size()) +
           " bytes, up to 256 RGB triples are expected");
  }
}

}  // namespace llm2clip
