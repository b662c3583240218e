#include "image/resize.h"

#include <cstring>

#include "file_bytes.h"
#include "support/catch.h"

namespace llm2clip {
namespace {

using testing::Bytes;
using testing::image_of;

Image resized(const Image& image, int width, int height) {
  return resize_window(image, width, height, {0, 0, width, height});
}

Bytes resized_row(const Bytes& row, int width) {
  return resized(image_of(ImageMode::gray, static_cast<int>(row.size()), 1, row), width, 1).pixels;
}

std::vector<std::int32_t> coefficients(int in, int out, std::size_t index) {
  const AxisWeights axis = bicubic_weights(in, out, 0, out);
  const std::vector<std::int32_t> fixed = fixed_point(axis.values);
  const auto begin = fixed.begin() + static_cast<std::ptrdiff_t>(axis.taps[index].weights);
  return {begin, begin + static_cast<std::ptrdiff_t>(axis.taps[index].count)};
}

template <typename Sample>
Image image_of_samples(ImageMode mode, int width, int height, const std::vector<Sample>& samples) {
  Bytes pixels(samples.size() * sizeof(Sample));
  std::memcpy(pixels.data(), samples.data(), pixels.size());
  return image_of(mode, width, height, pixels);
}

template <typename Sample>
std::vector<Sample> samples_of(const Image& image) {
  std::vector<Sample> samples(image.pixels.size() / sizeof(Sample));
  std::memcpy(samples.data(), image.pixels.data(), image.pixels.size());
  return samples;
}

}  // namespace

// Measured with Pillow 11.0.0, reference.md 11.1.
TEST_CASE("bicubic coefficients are Pillow's", "[image][resize]") {
  using Row = std::vector<std::int32_t>;
  CHECK(coefficients(4, 2, 0) == Row{1923834, 1923834, 502623, -155987});
  CHECK(coefficients(4, 2, 1) == Row{-155987, 502623, 1923834, 1923834});
  CHECK(coefficients(2, 4, 0) == Row{4564390, -370086});
  CHECK(coefficients(2, 4, 1) == Row{3325484, 868820});
  CHECK(coefficients(5, 3, 0) == Row{2452055, 1871305, 0, -129056});
  CHECK(coefficients(5, 3, 1) == Row{-156067, 1033945, 2438549, 1033945, -156067});
  CHECK(coefficients(5, 3, 2) == Row{-129056, 0, 1871305, 2452055});
  CHECK(bicubic_weights(5, 3, 0, 3).taps[2].first == 1);
  CHECK(coefficients(640, 224, 0) ==
        Row{1246769, 1580903, 1151941, 407797, -50803, -111242, -31061});
}

TEST_CASE("coefficients of a window are those of the whole", "[image][resize]") {
  const AxisWeights whole = bicubic_weights(97, 356, 0, 356);
  const AxisWeights part = bicubic_weights(97, 356, 66, 224);
  REQUIRE(part.taps.size() == 224);
  for (std::size_t i = 0; i < part.taps.size(); ++i) {
    CHECK(part.taps[i].first == whole.taps[66 + i].first);
    CHECK(part.taps[i].count == whole.taps[66 + i].count);
    CHECK(part.values[part.taps[i].weights] == whole.values[whole.taps[66 + i].weights]);
  }
}

TEST_CASE("rows are resized to Pillow's values", "[image][resize]") {
  CHECK(resized_row({0, 255, 0, 255}, 2) == Bytes{107, 148});
  CHECK(resized_row({10, 20, 30, 40, 50}, 3) == Bytes{14, 30, 46});
  CHECK(resized_row({0, 255}, 4) == Bytes{0, 53, 202, 255});
  CHECK(resized_row({0, 0, 255, 255}, 7) == Bytes{0, 0, 0, 128, 255, 255, 255});
}

TEST_CASE("a column is resized like a row", "[image][resize]") {
  CHECK(resized(image_of(ImageMode::gray, 1, 4, {0, 255, 0, 255}), 1, 2).pixels == Bytes{107, 148});
}

TEST_CASE("the channels of an image do not touch each other", "[image][resize]") {
  const Image row = image_of(ImageMode::rgb, 4, 1, {0, 9, 10, 255, 9, 20, 0, 9, 30, 255, 9, 40});
  CHECK(resized(row, 2, 1).pixels == Bytes{107, 9, 16, 148, 9, 34});
}

TEST_CASE("an image of the same size is copied", "[image][resize]") {
  const Image image = image_of(ImageMode::rgba, 2, 1, {200, 100, 50, 0, 1, 2, 3, 77});
  CHECK(resized(image, 2, 1).pixels == image.pixels);
}

TEST_CASE("transparent colors have no weight", "[image][resize]") {
  // Premultiplied, the invisible 200 counts nothing; 99 is 255 * 50 / 128 without its fraction.
  const Image pair = image_of(ImageMode::gray_alpha, 2, 1, {200, 0, 100, 255});
  CHECK(resized(pair, 1, 1).pixels == Bytes{99, 128});
}

TEST_CASE("palettes and bilevel images keep their values", "[image][resize]") {
  Image image = image_of(ImageMode::palette, 4, 1, {7, 1, 5, 3});
  image.palette = {1, 2, 3};
  const Image smaller = resized(image, 2, 1);
  CHECK(smaller.pixels == Bytes{1, 3});
  CHECK(smaller.palette == image.palette);
  CHECK(resized(image_of(ImageMode::bilevel, 2, 1, {0, 255}), 4, 1).pixels ==
        Bytes{0, 0, 255, 255});
}

TEST_CASE("16-bit gray overshoots byte by byte as in Pillow", "[image][resize]") {
  // Pillow 11.3.0: Image.fromarray(uint16 [[0, 0, 65535, 65535]]).resize((7, 1), BICUBIC).
  const auto image = image_of_samples<std::uint16_t>(ImageMode::gray16, 4, 1, {0, 0, 65535, 65535});
  CHECK(samples_of<std::uint16_t>(resized(image, 7, 1)) ==
        std::vector<std::uint16_t>{0, 0, 0, 32768, 65500, 65477, 65535});
}

TEST_CASE("integers and floats keep their range", "[image][resize]") {
  const auto integers = image_of_samples<std::int32_t>(ImageMode::int32, 2, 1, {-1000000, 1000000});
  CHECK(samples_of<std::int32_t>(resized(integers, 1, 1)) == std::vector<std::int32_t>{0});
  const auto floats = image_of_samples<float>(ImageMode::float32, 2, 1, {-0.5f, 1.0f});
  CHECK(samples_of<float>(resized(floats, 1, 1)) == std::vector<float>{0.25f});
}

TEST_CASE("a window is the same part of the whole for every mode", "[image][resize]") {
  for (const ImageMode mode :
       {ImageMode::bilevel, ImageMode::gray, ImageMode::gray_alpha, ImageMode::palette,
        ImageMode::rgb, ImageMode::rgba, ImageMode::cmyk, ImageMode::gray16, ImageMode::int32}) {
    const std::size_t bytes = bytes_per_pixel(mode);
    Bytes pixels(31 * 23 * bytes);
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      pixels[i] = static_cast<std::uint8_t>(i * 37 + i / 64 * 11);
    }
    const Image image = image_of(mode, 31, 23, pixels);
    for (const auto& [width, height] : {std::pair{50, 40}, {20, 17}, {31, 40}, {20, 23}}) {
      const Image whole = resized(image, width, height);
      const Image part = resize_window(image, width, height, {5, 3, 11, 12});
      for (std::size_t y = 0; y < 12; ++y) {
        const auto row =
            whole.pixels.begin() +
            static_cast<std::ptrdiff_t>(((y + 3) * static_cast<std::size_t>(width) + 5) * bytes);
        CHECK(std::equal(row, row + static_cast<std::ptrdiff_t>(11 * bytes),
                         part.pixels.begin() + static_cast<std::ptrdiff_t>(y * 11 * bytes)));
      }
    }
  }
}

}  // namespace llm2clip
