#include "file_bytes.h"
#include "support/catch.h"

namespace llm2clip {
namespace {

using testing::Bytes;
using testing::operator+;
using testing::refusal_of;

// `file` is read, and none of its beginnings is.
void check_prefixes(const Bytes& file) {
  CHECK_NOTHROW(decode_image(file, "file"));
  for (std::size_t size = 0; size < file.size(); ++size) {
    INFO(size << " of " << file.size() << " bytes");
    refusal_of(Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)));
  }
}

}  // namespace

TEST_CASE("no beginning of a JPEG is read", "[image][truncation]") {
  check_prefixes(testing::jpeg_file(19, 17));
  check_prefixes(testing::jpeg_file(40, 40, true));
}

TEST_CASE("no beginning of a PNG is read", "[image][truncation]") {
  for (const unsigned color_type : {0u, 2u, 4u, 6u}) {
    check_prefixes(testing::png_file(5, 4, 8, color_type));
  }
  check_prefixes(testing::png_file(5, 4, 1, 3));
}

TEST_CASE("no beginning of a WebP is read", "[image][truncation]") {
  check_prefixes(testing::webp_file(19, 17));
}

TEST_CASE("no beginning of a BMP is read", "[image][truncation]") {
  check_prefixes(testing::bmp_file(3, 2, Bytes(24)));
}

TEST_CASE("no beginning of a TIFF is read", "[image][truncation]") {
  check_prefixes(testing::tiff_file(5, 4, Bytes(20)));
}

TEST_CASE("no beginning of a GIF is read", "[image][truncation]") {
  check_prefixes(testing::gif_file(4, 4));
}

TEST_CASE("a TIFF without its second page is truncated", "[image][truncation]") {
  Bytes file = testing::tiff_file(5, 4, Bytes(20));
  const std::size_t link = 8 + 2 + 12 * 9;  // after the nine entries of the only directory
  const std::size_t second = file.size();
  file = file + Bytes(file.begin() + 8, file.begin() + static_cast<std::ptrdiff_t>(link) + 4);
  file[link] = static_cast<std::uint8_t>(second);
  CHECK(decode_image(file, "file").width == 5);
  file.pop_back();
  CHECK(refusal_of(file).find("lacks its end") != std::string::npos);
}

TEST_CASE("a TIFF whose pages form a circle is not walked for ever", "[image][truncation]") {
  Bytes file = testing::tiff_file(5, 4, Bytes(20));
  file[8 + 2 + 12 * 9] = 8;
  CHECK(refusal_of(file) == "file: this TIFF file has pages in a circle");
}

TEST_CASE("a TIFF with two places for its pixels is refused", "[image][truncation]") {
  Bytes file = testing::tiff_file(5, 4, Bytes(20));
  const std::size_t samples_entry = 8 + 2 + 12 * 6;  // becomes a second StripOffsets
  file[samples_entry] = 273 & 255;
  CHECK(refusal_of(file).find("says twice where its pixels are") != std::string::npos);
}

TEST_CASE("a PNG with too little data for its size is truncated", "[image][truncation]") {
  const std::string message = refusal_of(testing::png_file(9000, 9000, 8, 2, false));
  CHECK(message.find("bytes of pixels, too few for its size") != std::string::npos);
}

TEST_CASE("a JPEG with a marker that libjpeg stops at is refused", "[image][truncation]") {
  Bytes file = testing::jpeg_file(40, 40);
  for (const int marker : {0x25, 0xb9, 0xd8, 0xf4}) {
    Bytes damaged(file.begin(), file.end() - 2);  // without the end of the image
    damaged = damaged + Bytes{0xff, static_cast<std::uint8_t>(marker), 0, 2, 0xff, 0xd9};
    INFO(marker);
    CHECK(refusal_of(damaged) == "file: this JPEG file is damaged: it has a marker out of place");
  }
}

TEST_CASE("a GIF code without a meaning is refused", "[image][truncation]") {
  Bytes file = testing::gif_file(4, 4);
  const std::size_t codes =
      file.size() - 2 - 12;  // after their number; the empty block and ';' follow
  CHECK(decode_image(file, "file").width == 4);
  // Three bits each from the lowest on: clear (4), then 7, though 6 is the next to be given out.
  file[codes] = 4 | 7 << 3;
  CHECK(refusal_of(file) == "file: this GIF file is damaged");
  file = testing::gif_file(4, 4);
  file[codes - 2] = 0;  // the bits of a color
  CHECK(refusal_of(file) == "file: this GIF file has colors of 0 bits, 1 to 8 are expected");
}

TEST_CASE("a good image beside a bad one keeps its pixels", "[image][truncation]") {
  const std::vector<Bytes> files = {testing::jpeg_file(40, 40),
                                    testing::jpeg_file(40, 40, true),
                                    testing::png_file(40, 40, 8, 2),
                                    testing::webp_file(40, 40),
                                    testing::bmp_file(40, 40, Bytes(120 * 40, 7)),
                                    testing::tiff_file(40, 40, Bytes(1600, 9)),
                                    testing::gif_file(40, 40)};
  for (const Bytes& good : files) {
    const Bytes pixels = decode_image(good, "file").pixels;
    for (const Bytes& bad : files) {
      refusal_of(Bytes(bad.begin(), bad.begin() + static_cast<std::ptrdiff_t>(bad.size() / 2)));
      CHECK(decode_image(good, "file").pixels == pixels);
    }
  }
}

TEST_CASE("bytes after the end are no matter", "[image][truncation]") {
  const Bytes more(50, 0x41);
  CHECK(decode_image(testing::jpeg_file(9, 8) + more, "file").width == 9);
  CHECK(decode_image(testing::png_file(9, 8, 8, 0) + more, "file").width == 9);
  CHECK(decode_image(testing::webp_file(9, 8) + more, "file").width == 9);
  CHECK(decode_image(testing::bmp_file(2, 2, Bytes(16)) + more, "file").width == 2);
  CHECK(decode_image(testing::tiff_file(9, 8, Bytes(72)) + more, "file").width == 9);
  CHECK(decode_image(testing::gif_file(9, 8) + more, "file").width == 9);
}

TEST_CASE("the end of a truncated file is missed by name", "[image][truncation]") {
  Bytes file = testing::jpeg_file(64, 64);
  file.resize(file.size() - 2);
  CHECK(refusal_of(file) == "file: this JPEG file lacks its end (" + std::to_string(file.size()) +
                                " bytes are there); fetch or write it again");
}

}  // namespace llm2clip
