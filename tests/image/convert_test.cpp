#include <cmath>
#include <cstring>
#include <limits>

#include "file_bytes.h"
#include "support/error.h"

namespace llm2clip {
namespace {

using testing::Bytes;
using testing::image_of;

Bytes rgb_of(ImageMode mode, int width, const Bytes& pixels, const Bytes& palette = {}) {
  Image image = image_of(mode, width, 1, pixels);
  image.palette = palette;
  const Image rgb = to_rgb(image);
  CHECK(rgb.mode == ImageMode::rgb);
  CHECK(rgb.width == width);
  return rgb.pixels;
}

template <typename Sample>
Bytes raw(const std::vector<Sample>& samples) {
  Bytes bytes(samples.size() * sizeof(Sample));
  std::memcpy(bytes.data(), samples.data(), bytes.size());
  return bytes;
}

Bytes grays(const Bytes& levels) {
  Bytes rgb;
  for (const std::uint8_t level : levels) rgb.insert(rgb.end(), 3, level);
  return rgb;
}

}  // namespace

TEST_CASE("gray is repeated and alpha is dropped, not blended", "[image][convert]") {
  CHECK(rgb_of(ImageMode::gray, 2, {0, 200}) == grays({0, 200}));
  CHECK(rgb_of(ImageMode::bilevel, 2, {0, 255}) == grays({0, 255}));
  CHECK(rgb_of(ImageMode::gray_alpha, 2, {9, 0, 8, 255}) == grays({9, 8}));
  CHECK(rgb_of(ImageMode::rgba, 1, {1, 2, 3, 0}) == Bytes{1, 2, 3});
  CHECK(rgb_of(ImageMode::rgb, 1, {1, 2, 3}) == Bytes{1, 2, 3});
}

TEST_CASE("palette colors that the file lacks are black", "[image][convert]") {
  CHECK(rgb_of(ImageMode::palette, 3, {1, 0, 200}, {10, 20, 30, 40, 50, 60}) ==
        Bytes{40, 50, 60, 10, 20, 30, 0, 0, 0});
}

// reference.md 7.3: measured with Pillow.
TEST_CASE("16-bit gray saturates", "[image][convert]") {
  CHECK(rgb_of(ImageMode::gray16, 4, raw<std::uint16_t>({0, 200, 256, 65535})) ==
        grays({0, 200, 255, 255}));
}

TEST_CASE("integers and floats are clipped and cut off", "[image][convert]") {
  CHECK(rgb_of(ImageMode::int32, 4, raw<std::int32_t>({-5, 7, 255, 1 << 30})) ==
        grays({0, 7, 255, 255}));
  CHECK(rgb_of(ImageMode::float32, 5,
               raw<float>({-0.5f, 7.9f, 254.9f, 1e30f, std::numeric_limits<float>::quiet_NaN()})) ==
        grays({0, 7, 254, 255, 0}));
}

TEST_CASE("CMYK follows Pillow's formula", "[image][convert]") {
  CHECK(rgb_of(ImageMode::cmyk, 1, {10, 20, 30, 40}) == Bytes{207, 198, 190});
}

TEST_CASE("an image whose fields disagree is an invalid argument", "[image][convert]") {
  const auto refused = [](const Image& image) {
    return testing::error_of([&] { to_rgb(image); }).kind() == ErrorKind::invalid_argument;
  };
  CHECK(refused({}));
  CHECK(refused(image_of(ImageMode::rgb, 2, 2, Bytes(11))));
  CHECK(refused(image_of(ImageMode::rgb, 2, 2, Bytes(15))));
  CHECK(refused(image_of(ImageMode::rgb, -2, -2, Bytes(12))));
  CHECK(refused(image_of(ImageMode::rgb, 1 << 30, 1 << 30, Bytes(12))));
  Image palette = image_of(ImageMode::palette, 1, 1, {0});
  palette.palette = Bytes(4);
  CHECK(refused(palette));
}

TEST_CASE("a PNG may be wider than libpng's own limit", "[image][png]") {
  const Image wide = image_of(ImageMode::rgb, 1'000'001, 1, Bytes(3'000'003, 9));
  CHECK((decode_image(encode_png(wide), "png", {.max_side = 1'000'001}).pixels == wide.pixels));
}

TEST_CASE("modes that PNG files are not written of are refused", "[image][png]") {
  for (const ImageMode mode : {ImageMode::bilevel, ImageMode::palette, ImageMode::cmyk,
                               ImageMode::int32, ImageMode::float32}) {
    const Error error =
        testing::error_of([&] { encode_png(image_of(mode, 1, 1, Bytes(bytes_per_pixel(mode)))); });
    CHECK(error.kind() == ErrorKind::invalid_argument);
    CHECK(std::string(error.what()).find("to_rgb") != std::string::npos);
  }
}

}  // namespace llm2clip
