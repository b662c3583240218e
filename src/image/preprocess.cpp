#include "llm2clip/preprocess.h"

#include <cmath>
#include <limits>
#include <string>

#include "base/errors_only.h"
#include "image/check_image.h"
#include "image/image_rows.h"
#include "image/resize.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

constexpr std::size_t kChannels = 3;

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorKind::invalid_argument, message);
}

void check_options(const PreprocessOptions& options) {
  if (options.image_size < 1) {
    refuse("image_size: is " + std::to_string(options.image_size) + ", at least 1 is expected");
  }
  for (std::size_t i = 0; i < kChannels; ++i) {
    if (!std::isfinite(options.mean[i])) refuse("mean: finite numbers are expected");
    if (!std::isfinite(options.std[i]) || options.std[i] == 0.0f) {
      refuse("std: finite numbers other than 0 are expected");
    }
  }
}

struct Size {
  std::int64_t width;
  std::int64_t height;
};

// int(size * long / short): both references cut the fraction off.
Size resized_size(const ImageView& image, std::int64_t size) {
  const auto scaled = [&](std::int64_t length, std::int64_t shortest) {
    const std::int64_t result = size * length / shortest;
    if (result > std::numeric_limits<int>::max()) {
      refuse("image: is " + std::to_string(image.width) + "x" + std::to_string(image.height) +
             ", too long for its width to be resized");
    }
    return result;
  };
  if (image.width <= image.height) return {size, scaled(image.height, image.width)};
  return {scaled(image.width, image.height), size};
}

// Where a crop of `size` starts. transformers: floor. torchvision: int(round(difference / 2.0)),
// which Python rounds half to even.
std::int64_t crop_start(std::int64_t length, std::int64_t size, PreprocessOrder order) {
  const std::int64_t difference = length - size;
  const std::int64_t half = difference / 2;
  const bool up = order == PreprocessOrder::torchvision && difference % 2 != 0 && half % 2 != 0;
  return half + (up ? 1 : 0);
}

Image crop_center(const ImageView& image, const PreprocessOptions& options) {
  const Size size = resized_size(image, options.image_size);
  return resize_window(image, size.width, size.height,
                       {crop_start(size.width, options.image_size, options.order),
                        crop_start(size.height, options.image_size, options.order),
                        options.image_size, options.image_size},
                       options.resize_passes);
}

// (value / 255 - mean) / std for all bytes, with true divisions: multiplying by 1 / 255 in float32
// differs for 126 of them.
using Table = std::array<std::array<float, 256>, kChannels>;

Table normalized_values(const PreprocessOptions& options) {
  Table table;
  for (std::size_t channel = 0; channel < kChannels; ++channel) {
    for (std::size_t value = 0; value < 256; ++value) {
      const float scaled = static_cast<float>(value) / 255.0f;
      table[channel][value] = (scaled - options.mean[channel]) / options.std[channel];
    }
  }
  return table;
}

}  // namespace

Image resize_and_crop(const ImageView& image, const PreprocessOptions& options) try {
  check_options(options);
  check_image(image);
  const bool keeps_mode = options.order == PreprocessOrder::torchvision;
  if (!keeps_mode && image.mode != ImageMode::rgb) return crop_center(to_rgb(image), options);
  Image seen = crop_center(image, options);
  if (is_blue_first(image)) swap_red_and_blue(seen);
  if (seen.mode != ImageMode::rgb) return to_rgb(seen);
  return seen;
} catch (...) {
  rethrow_as_error("image");
}

void normalize_crops(std::span<const std::uint8_t> crops, const PreprocessOptions& options,
                     std::span<float> pixels) {
  check_options(options);
  const auto side = static_cast<std::size_t>(options.image_size);
  const std::size_t area = side * side;
  const std::size_t size = kChannels * area;
  if (pixels.size() != crops.size() || crops.size() % size != 0) {
    refuse("pixels: has room for " + std::to_string(pixels.size()) + " values, of " +
           std::to_string(crops.size()) + " bytes; " + std::to_string(size) +
           " of each are expected for an image");
  }
  const Table table = normalized_values(options);
  for (std::size_t first = 0; first < crops.size(); first += size) {
    for (std::size_t i = 0; i < area; ++i) {
      for (std::size_t channel = 0; channel < kChannels; ++channel) {
        pixels[first + channel * area + i] = table[channel][crops[first + kChannels * i + channel]];
      }
    }
  }
}

void preprocess(const ImageView& image, const PreprocessOptions& options, std::span<float> pixels) {
  const Image seen = resize_and_crop(image, options);
  if (pixels.size() != seen.pixels.size()) {
    refuse("pixels: has room for " + std::to_string(pixels.size()) + " values, " +
           std::to_string(seen.pixels.size()) + " are expected");
  }
  normalize_crops(seen.pixels, options, pixels);
}

}  // namespace llm2clip
