#include "llm2clip/preprocess.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <numeric>

#include "file_bytes.h"
#include "image/resize.h"
#include "support/error.h"

namespace llm2clip {
namespace {

using testing::crc32_of;
using testing::image_of;
using testing::synthetic_image;

PreprocessOptions options_of(int size, PreprocessOrder order = PreprocessOrder::hf) {
  PreprocessOptions options;
  options.image_size = size;
  options.order = order;
  return options;
}

std::uint32_t seen_crc(const Image& image, const PreprocessOptions& options) {
  return crc32_of(resize_and_crop(image, options).pixels);
}

std::vector<int> first_bytes(const Image& image, int size) {
  const Image seen = resize_and_crop(image, options_of(size));
  return {seen.pixels.begin(), seen.pixels.begin() + 9};
}

// The image of the seed's model card, which is not ours to commit.
std::filesystem::path clip_png() {
  const char* folder = std::getenv("LLM2CLIP_ASSETS");
  return std::filesystem::path(folder != nullptr ? folder : "../shared/assets") / "CLIP.png";
}

bool has_clip_png() {
  if (std::filesystem::exists(clip_png())) return true;
  WARN("skipped: " << clip_png() << " is not there; LLM2CLIP_ASSETS names its folder");
  return false;
}

}  // namespace

// reference.md 11.1, measured with Pillow 11.0.0.
TEST_CASE("the synthetic images give the golden crops", "[image][preprocess]") {
  CHECK(seen_crc(synthetic_image(640, 480), options_of(224)) == 0xdfa6f933);
  CHECK(seen_crc(synthetic_image(640, 480), options_of(336)) == 0x4967455b);
  CHECK(seen_crc(synthetic_image(97, 61), options_of(224)) == 0x79baa490);
  CHECK(first_bytes(synthetic_image(640, 480), 224) ==
        std::vector<int>{50, 69, 80, 65, 148, 82, 80, 138, 84});
  CHECK(first_bytes(synthetic_image(97, 61), 224) ==
        std::vector<int>{123, 54, 18, 125, 64, 18, 127, 74, 18});
}

TEST_CASE("CLIP.png gives the golden crops in both orders", "[image][preprocess]") {
  if (!has_clip_png()) return;
  ReadOptions read;
  read.keep_mode = true;
  const Image image = read_image(clip_png(), read);
  CHECK(image.mode == ImageMode::rgba);
  CHECK(seen_crc(image, options_of(224)) == 0xd764d611);
  CHECK(seen_crc(image, options_of(336)) == 0x1cf6c6b5);
  CHECK(seen_crc(image, options_of(224, PreprocessOrder::torchvision)) == 0xc3072219);
  CHECK(seen_crc(image, options_of(336, PreprocessOrder::torchvision)) == 0xcd9c1e0b);
}

// The CRCs are of the images whose SHA-256 reference.md 11.1 gives.
TEST_CASE("CLIP.png gives the golden resized images", "[image][preprocess]") {
  if (!has_clip_png()) return;
  const Image image = read_image(clip_png());
  CHECK(crc32_of(resize_window(image, 635, 224, {0, 0, 635, 224}).pixels) == 0xc6d51487);
  CHECK(crc32_of(resize_window(image, 953, 336, {0, 0, 953, 336}).pixels) == 0x3493020f);
}

TEST_CASE("CLIP.png gives the golden mean of its pixel values", "[image][preprocess]") {
  if (!has_clip_png()) return;
  std::vector<float> pixels(3 * 224 * 224);
  preprocess(read_image(clip_png()), options_of(224), pixels);
  const double mean = std::accumulate(pixels.begin(), pixels.end(), 0.0) / (3 * 224 * 224);
  CHECK(std::abs(mean - -0.353124956) < 1e-9);
}

TEST_CASE("the crop is rounded down for hf and half to even for torchvision",
          "[image][preprocess]") {
  const auto left = [](int width, PreprocessOrder order) {
    Image image =
        image_of(ImageMode::gray, width, 4, testing::Bytes(static_cast<std::size_t>(width) * 4));
    for (std::size_t i = 0; i < image.pixels.size(); ++i) {
      image.pixels[i] = static_cast<std::uint8_t>(i % static_cast<std::size_t>(width));
    }
    return static_cast<int>(resize_and_crop(image, options_of(4, order)).pixels[0]);
  };
  for (const auto& [difference, floor, even] :
       {std::tuple{0, 0, 0}, {1, 0, 0}, {2, 1, 1}, {3, 1, 2}, {4, 2, 2}, {5, 2, 2}, {7, 3, 4}}) {
    CHECK(left(4 + difference, PreprocessOrder::hf) == floor);
    CHECK(left(4 + difference, PreprocessOrder::torchvision) == even);
  }
}

TEST_CASE("pixels are divided by 255 and by std in float32", "[image][preprocess]") {
  Image image = image_of(ImageMode::rgb, 16, 16, {});
  for (int value = 0; value < 256; ++value) {
    image.pixels.insert(image.pixels.end(), 3, static_cast<std::uint8_t>(value));
  }
  const PreprocessOptions options = options_of(16);
  std::vector<float> pixels(3 * 256);
  preprocess(image, options, pixels);
  for (std::size_t channel = 0; channel < 3; ++channel) {
    for (std::size_t value = 0; value < 256; ++value) {
      const float expected =
          (static_cast<float>(value) / 255.0f - options.mean[channel]) / options.std[channel];
      CHECK(pixels[channel * 256 + value] == expected);
    }
  }
}

TEST_CASE("a strip of one pixel is resized without its invisible part", "[image][preprocess]") {
  // Resized whole it would have 224 x 14 million pixels.
  const Image image = image_of(ImageMode::gray, 1, 65535, testing::Bytes(65535, 77));
  const Image seen = resize_and_crop(image, options_of(224));
  CHECK(seen.pixels == testing::Bytes(3 * 224 * 224, 77));
}

TEST_CASE("options and images that make no sense are invalid arguments", "[image][preprocess]") {
  const Image image = synthetic_image(8, 8);
  const auto kind = [&](const Image& from, const PreprocessOptions& options, std::size_t room) {
    std::vector<float> pixels(room);
    return testing::error_of([&] { preprocess(from, options, pixels); }).kind();
  };
  PreprocessOptions no_std = options_of(4);
  no_std.std[1] = 0;
  PreprocessOptions no_mean = options_of(4);
  no_mean.mean[2] = std::nanf("");
  CHECK(kind(image, options_of(0), 0) == ErrorKind::invalid_argument);
  CHECK(kind(image, options_of(-1), 3) == ErrorKind::invalid_argument);
  CHECK(kind(image, no_std, 48) == ErrorKind::invalid_argument);
  CHECK(kind(image, no_mean, 48) == ErrorKind::invalid_argument);
  CHECK(kind(image, options_of(4), 47) == ErrorKind::invalid_argument);
  CHECK(kind({}, options_of(4), 48) == ErrorKind::invalid_argument);
}

}  // namespace llm2clip
