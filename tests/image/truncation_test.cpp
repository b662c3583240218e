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
