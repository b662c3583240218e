#include "llm2clip/thumbnail.h"

#include <algorithm>
#include <cstdlib>
#include <tuple>

#include "llm2clip/image.h"
#include "support/catch.h"
#include "support/error.h"

namespace llm2clip {
namespace {

using testing::error_of;

Image plain(int width, int height) {
  Image image{.width = width, .height = height};
  for (int i = 0; i < width * height; ++i) {
    image.pixels.insert(image.pixels.end(), {200, 40, 90});
  }
  return image;
}

Image decoded(const Thumbnail& small) { return decode_image(small.jpeg, "thumbnail"); }

// JPEG moves a plain color by a few steps.
bool is_plain(const Image& image) {
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    if (std::abs(image.pixels[i] - 200) > 4 || std::abs(image.pixels[i + 1] - 40) > 4 ||
        std::abs(image.pixels[i + 2] - 90) > 4) {
      return false;
    }
  }
  return true;
}

TEST_CASE("a large image is shrunk and keeps its shape", "[image][thumbnail]") {
  for (const auto& [width, height, small_width, small_height] :
       {std::tuple{512, 256, 256, 128}, std::tuple{300, 900, 85, 256},
        std::tuple{257, 257, 256, 256}, std::tuple{4000, 3, 256, 1}}) {
    const Thumbnail small = make_thumbnail(plain(width, height), 256);
    const Image seen = decoded(small);
    CHECK(small.width == small_width);
    CHECK(small.height == small_height);
    CHECK(seen.width == small_width);
    CHECK(seen.height == small_height);
    CHECK(is_plain(seen));
  }
}

TEST_CASE("a small image is not enlarged", "[image][thumbnail]") {
  const Thumbnail small = make_thumbnail(plain(17, 256), 256);
  CHECK(small.width == 17);
  CHECK(decoded(small).height == 256);
}

TEST_CASE("images of other modes become RGB, and malformed ones are refused",
          "[image][thumbnail]") {
  const Image gray{.width = 1, .height = 1, .mode = ImageMode::gray, .pixels = {77}};
  const Image seen = decoded(make_thumbnail(gray, 8));
  CHECK(std::abs(seen.pixels[1] - 77) <= 2);
  const Image broken{.width = 2, .height = 2, .pixels = {1, 2, 3}};
  CHECK(error_of([&] { make_thumbnail(broken, 8); }).kind() == ErrorKind::invalid_argument);
}

}  // namespace
}  // namespace llm2clip
