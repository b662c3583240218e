#include "store/float16.h"

#include <cmath>
#include <cstdint>
#include <cstring>

#include "support/catch.h"

namespace llm2clip {
namespace {

std::uint16_t by_compiler(float value) {
  const _Float16 half = static_cast<_Float16>(value);
  std::uint16_t bits = 0;
  std::memcpy(&bits, &half, sizeof bits);
  return bits;
}

TEST_CASE("every half survives the way to float32 and back", "[store][float16]") {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = from_float16(half);
    if (std::isnan(value)) continue;
    REQUIRE(to_float16(value) == half);
  }
}

TEST_CASE("float32 becomes the nearest half, ties to even", "[store][float16]") {
  CHECK(to_float16(1.0f) == 0x3c00);
  CHECK(to_float16(-0.0f) == 0x8000);
  CHECK(to_float16(65504.0f) == 0x7bff);
  CHECK(to_float16(65519.9f) == 0x7bff);
  CHECK(to_float16(65520.0f) == 0x7c00);
  CHECK(to_float16(INFINITY) == 0x7c00);
  CHECK(std::isnan(from_float16(to_float16(NAN))));
  CHECK(to_float16(1.0f + 0x1p-11f) == 0x3c00);    // half way, down to even
  CHECK(to_float16(1.0f + 0x1.8p-10f) == 0x3c02);  // half way, up to even
  CHECK(to_float16(0x1p-25f) == 0x0000);           // half of the smallest
  CHECK(to_float16(0x1.8p-25f) == 0x0001);
}

TEST_CASE("float16 agrees with the compiler's on a sweep of all exponents", "[store][float16]") {
  std::uint32_t bits = 0;
  for (int i = 0; i < 400'000; ++i, bits += 10'739) {
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (std::isnan(value)) continue;
    INFO("bits " << bits);
    REQUIRE(to_float16(value) == by_compiler(value));
  }
}

}  // namespace
}  // namespace llm2clip
