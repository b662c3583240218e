#include "image/lzw.h"

#include "file_bytes.h"
#include "support/catch.h"

namespace llm2clip {

using testing::Bytes;

TEST_CASE("codes become pixels", "[image][lzw]") {
  // 2-bit colors, codes of 3 bits: clear (4), 1, 1, end (5).
  const Bytes data = {0b01001100, 0b1010};
  Bytes pixels(2);
  CHECK(decode_gif_lzw(data, 2, pixels));
  CHECK(pixels == Bytes{1, 1});
}

TEST_CASE("a code may name the string it is about to define", "[image][lzw]") {
  // clear (4), 1, 6 = the string 1 1, then what is asked for is complete.
  const Bytes data = {0b10001100, 0b1};
  Bytes pixels(3);
  CHECK(decode_gif_lzw(data, 2, pixels));
  CHECK(pixels == Bytes{1, 1, 1});
}

TEST_CASE("damaged codes are found", "[image][lzw]") {
  Bytes pixels(4);
  CHECK_FALSE(decode_gif_lzw({}, 2, pixels));
  CHECK_FALSE(decode_gif_lzw(Bytes{0b01001100, 0b1010}, 2, pixels));  // ends after two pixels
  CHECK_FALSE(decode_gif_lzw(Bytes{0b111100}, 2, pixels));            // 7 is not defined
  CHECK_FALSE(decode_gif_lzw(Bytes{0, 0, 0, 0}, 0, pixels));
  CHECK_FALSE(decode_gif_lzw(Bytes{0, 0, 0, 0}, 9, pixels));
}

TEST_CASE("no bytes make the decoder leave its tables", "[image][lzw]") {
  std::uint32_t state = 1;
  for (int round = 0; round < 2000; ++round) {
    Bytes data(400);
    for (std::uint8_t& byte : data) {
      state = state * 1664525u + 1013904223u;
      byte = static_cast<std::uint8_t>(state >> 24);
    }
    Bytes pixels(5000);
    decode_gif_lzw(data, 2 + static_cast<unsigned>(round) % 7, pixels);
  }
}

}  // namespace llm2clip
