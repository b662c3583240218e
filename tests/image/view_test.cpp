// Pixels with rows apart, upside down or blue first give the bits of the plain image.

#include <algorithm>
#include <limits>

#include "file_bytes.h"
#include "image/image_rows.h"
#include "llm2clip/preprocess.h"
#include "support/error.h"

namespace llm2clip {
namespace {

using testing::Bytes;
using testing::error_of;
using testing::image_of;
using testing::synthetic_image;

constexpr ImageMode kModes[] = {ImageMode::bilevel, ImageMode::gray,   ImageMode::gray_alpha,
                                ImageMode::palette, ImageMode::rgb,    ImageMode::rgba,
                                ImageMode::cmyk,    ImageMode::gray16, ImageMode::int32,
                                ImageMode::float32};

Image some_image(ImageMode mode, int width = 41, int height = 29) {
  const std::size_t bytes = bytes_per_pixel(mode);
  Bytes pixels(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * bytes);
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    pixels[i] = static_cast<std::uint8_t>(i * 37 + i / 64 * 11);
  }
  if (mode == ImageMode::bilevel) {
    for (std::uint8_t& pixel : pixels) pixel = pixel & 1 ? 255 : 0;
  }
  Image image = image_of(mode, width, height, pixels);
  if (mode == ImageMode::palette) {
    for (int i = 0; i < 768; ++i) image.palette.push_back(static_cast<std::uint8_t>(255 - i * 5));
  }
  return image;
}

// The same image in other memory. What lies between its rows must not be looked at.
struct Elsewhere {
  Bytes memory;
  ImageView view;

  Elsewhere(const Image& image, std::size_t padding, bool upside_down, ChannelOrder channels) {
    const std::size_t row = row_bytes(image);
    const auto height = static_cast<std::size_t>(image.height);
    const std::size_t stride = row + padding;
    memory.assign((height - 1) * stride + row, 0xa5);
    Image other = image;
    other.pixels = image.pixels;
    if (channels == ChannelOrder::bgr) swap_red_and_blue(other);
    for (std::size_t y = 0; y < height; ++y) {
      const std::size_t place = upside_down ? height - 1 - y : y;
      std::copy_n(other.pixels.data() + y * row, row, memory.data() + place * stride);
    }
    view = other;
    view.palette = image.palette;
    view.pixels = memory;
    const auto step = static_cast<std::ptrdiff_t>(stride);
    view.stride = upside_down ? -step : step;
    view.channels = channels;
  }
  Elsewhere(const Elsewhere&) = delete;
};

template <typename Check>
void for_each_layout(const Image& image, const Check& check) {
  const bool is_color = image.mode == ImageMode::rgb || image.mode == ImageMode::rgba;
  for (const std::size_t padding : {0, 1, 3, 64}) {
    for (const bool upside_down : {false, true}) {
      for (const ChannelOrder channels : {ChannelOrder::rgb, ChannelOrder::bgr}) {
        if (channels == ChannelOrder::bgr && !is_color) continue;
        INFO("mode " << static_cast<int>(image.mode) << ", padding " << padding << ", upside down "
                     << upside_down << ", blue first " << (channels == ChannelOrder::bgr));
        check(Elsewhere(image, padding, upside_down, channels).view);
      }
    }
  }
}

void check_equal(const Image& a, const Image& b) {
  CHECK(a.width == b.width);
  CHECK(a.height == b.height);
  CHECK(a.mode == b.mode);
  CHECK((a.pixels == b.pixels));
  CHECK((a.palette == b.palette));
}

std::string refusal_of_view(const ImageView& view) {
  const Error error = error_of([&] { resize_and_crop(view, {.image_size = 8}); });
  CHECK(error.kind() == ErrorKind::invalid_argument);
  return error.what();
}

}  // namespace

TEST_CASE("a view of any layout is resized to the bits of the image", "[image][view]") {
  for (const ImageMode mode : kModes) {
    const Image image = some_image(mode);
    for (const PreprocessOrder order : {PreprocessOrder::hf, PreprocessOrder::torchvision}) {
      for (const int size : {13, 29, 50}) {
        const PreprocessOptions options{.image_size = size, .order = order};
        const Image seen = resize_and_crop(image, options);
        for_each_layout(image, [&](const ImageView& view) {
          check_equal(resize_and_crop(view, options), seen);
        });
      }
    }
  }
}

TEST_CASE("a high view is resized as the newer Pillows do it", "[image][view]") {
  const Image image = some_image(ImageMode::rgba, 3, 400);
  for (const ResizePasses passes : {ResizePasses::pillow_12_2, ResizePasses::pillow_13}) {
    const PreprocessOptions options{
        .image_size = 2, .order = PreprocessOrder::torchvision, .resize_passes = passes};
    const Image seen = resize_and_crop(image, options);
    for_each_layout(
        image, [&](const ImageView& view) { check_equal(resize_and_crop(view, options), seen); });
  }
}

TEST_CASE("a view is normalized to the numbers of the image", "[image][view]") {
  const Image image = synthetic_image(97, 61);
  const PreprocessOptions options{.image_size = 32};
  std::vector<float> expected(3 * 32 * 32), pixels(expected.size());
  preprocess(image, options, expected);
  for_each_layout(image, [&](const ImageView& view) {
    preprocess(view, options, pixels);
    CHECK((pixels == expected));
  });
}

TEST_CASE("a view is converted and copied as the image is", "[image][view]") {
  for (const ImageMode mode : kModes) {
    const Image image = some_image(mode);
    const Image rgb = to_rgb(image);
    for_each_layout(image, [&](const ImageView& view) {
      check_equal(to_image(view), image);
      check_equal(to_rgb(view), rgb);
    });
  }
}

TEST_CASE("a part of an image is a view", "[image][view]") {
  const Image image = synthetic_image(40, 30);
  ImageView part = image;
  part.stride = 40 * 3;
  part.width = 11;
  part.height = 7;
  part.pixels = part.pixels.subspan((5 * 40 + 9) * 3);
  const Image copy = to_image(part);
  REQUIRE(copy.pixels.size() == 11 * 7 * 3);
  CHECK(copy.pixels[0] == image.pixels[(5 * 40 + 9) * 3]);
  CHECK(copy.pixels.back() == image.pixels[(11 * 40 + 19) * 3 + 2]);
}

TEST_CASE("a PNG of a view has the pixels of the image", "[image][view][png]") {
  ReadOptions keep;
  keep.keep_mode = true;
  for (const ImageMode mode : {ImageMode::gray, ImageMode::gray_alpha, ImageMode::rgb,
                               ImageMode::rgba, ImageMode::gray16}) {
    const Image image = some_image(mode);
    check_equal(decode_image(encode_png(image), "png", keep), image);
    for_each_layout(image, [&](const ImageView& view) {
      check_equal(decode_image(encode_png(view), "png", keep), image);
    });
  }
}

TEST_CASE("a view whose fields disagree is an invalid argument", "[image][view]") {
  const Bytes memory(3 * 10 + 6);  // four rows of two pixels, ten bytes apart
  const ImageView good{.pixels = memory, .width = 2, .height = 4, .stride = 10};
  CHECK_NOTHROW(to_image(good));

  ImageView view = good;
  view.pixels = view.pixels.first(memory.size() - 1);
  CHECK(refusal_of_view(view) == "image: is 2x4 with rows of 6 bytes, 10 apart, but has 35 bytes");
  view.stride = -10;
  CHECK(refusal_of_view(view).find("10 apart") != std::string::npos);
  view = good;
  view.stride = 5;
  CHECK(refusal_of_view(view).find("stride of 5") != std::string::npos);
  view.stride = -5;
  CHECK(refusal_of_view(view).find("stride of -5") != std::string::npos);
  for (const std::ptrdiff_t stride :
       {std::numeric_limits<std::ptrdiff_t>::min(), std::numeric_limits<std::ptrdiff_t>::max()}) {
    view.stride = stride;
    CHECK(refusal_of_view(view).find("36 bytes") != std::string::npos);
  }
  view = good;
  view.stride = 0;  // then the bytes are those of the rows alone
  CHECK(refusal_of_view(view).find("36 bytes") != std::string::npos);
  view = good;
  view.channels = static_cast<ChannelOrder>(7);
  CHECK(refusal_of_view(view).find("order of channels") != std::string::npos);
  CHECK(refusal_of_view(ImageView{}).find("0x0") != std::string::npos);
}

}  // namespace llm2clip
