#include "image/orientation.h"

#include "file_bytes.h"
#include "support/catch.h"

namespace llm2clip {
namespace {

using testing::Bytes;
using testing::operator+;
using testing::bytes_of;

// The pixels 1 2 / 3 4 / 5 6 turned, and the width.
std::pair<int, Bytes> turned(int orientation) {
  const Image image =
      apply_orientation(testing::image_of(ImageMode::gray, 2, 3, {1, 2, 3, 4, 5, 6}), orientation);
  return {image.width, image.pixels};
}

Bytes exif_block(std::uint32_t orientation) {
  return bytes_of("II*") + Bytes{0} + testing::le32(8) + testing::le16(1) + testing::le16(274) +
         testing::le16(3) + testing::le32(1) + testing::le32(orientation) + testing::le32(0);
}

}  // namespace

TEST_CASE("each orientation turns as exif_transpose does", "[image][orientation]") {
  using Turned = std::pair<int, Bytes>;
  CHECK(turned(1) == Turned{2, {1, 2, 3, 4, 5, 6}});
  CHECK(turned(2) == Turned{2, {2, 1, 4, 3, 6, 5}});
  CHECK(turned(3) == Turned{2, {6, 5, 4, 3, 2, 1}});
  CHECK(turned(4) == Turned{2, {5, 6, 3, 4, 1, 2}});
  CHECK(turned(5) == Turned{3, {1, 3, 5, 2, 4, 6}});
  CHECK(turned(6) == Turned{3, {5, 3, 1, 6, 4, 2}});
  CHECK(turned(7) == Turned{3, {6, 4, 2, 5, 3, 1}});
  CHECK(turned(8) == Turned{3, {2, 4, 6, 1, 3, 5}});
  CHECK(turned(9) == Turned{2, {1, 2, 3, 4, 5, 6}});
}

TEST_CASE("EXIF comes before XMP, damage counts as upright", "[image][orientation]") {
  const Bytes xmp = bytes_of("<rdf tiff:Orientation=\"8\"/>");
  CHECK(orientation_of(exif_block(6), xmp) == 6);
  CHECK(orientation_of({}, xmp) == 8);
  CHECK(orientation_of({}, bytes_of("<tiff:Orientation>3</tiff:Orientation>")) == 3);
  CHECK(orientation_of({}, {}) == 1);
  Bytes block = exif_block(6);
  for (; !block.empty(); block.pop_back()) {
    const int orientation = orientation_of(block, {});
    CHECK((orientation == 1 || orientation == 6));
  }
}

}  // namespace llm2clip
