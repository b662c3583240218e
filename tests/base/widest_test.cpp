#include "base/widest.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "support/catch.h"

using namespace llm2clip;

namespace {

template <std::size_t bytes>
LLM2CLIP_INLINE void combine(const float* x, const float* y, float* out) {
  using Floats = Sixteen<float, bytes>;
  const Floats a = Floats::load(x), b = Floats::load(y);
  (smaller(larger(a, b), Floats(9.0f)) * 2.0f + a / b - 1.0f).store(out);
}

}  // namespace

TEST_CASE("LLM2CLIP_MAX_CPU_ISA takes the names of levels, and of what is beside them",
          "[widest]") {
  for (const VectorLevel level : {VectorLevel::plain, VectorLevel::avx2, VectorLevel::avx512}) {
    CHECK(isa_named(to_string(level)));
  }
  CHECK(isa_named("AVX2_VNNI") > isa_named("AVX2"));
  CHECK(isa_named("AVX512") > isa_named("AVX2_VNNI"));
  CHECK(isa_named("AVX512_BF16") > isa_named("AVX512"));
  CHECK(isa_named("AMX") > isa_named("AVX512_BF16"));
  for (const char* name : {"", "avx2", "AVX", "AVX512_CORE", "DEFAULT "}) {
    CHECK_FALSE(isa_named(name));
  }
}

TEST_CASE("the level is the processor's, or what LLM2CLIP_MAX_CPU_ISA leaves of it", "[widest]") {
  const char* name = std::getenv("LLM2CLIP_MAX_CPU_ISA");
  const Isa most = name ? isa_named(name).value_or(Isa::amx) : Isa::amx;
  CHECK(allowed_isa() == most);
  CHECK(allows(Isa::plain));
  CHECK(allows(Isa::amx) == (most == Isa::amx));
  const VectorLevel level = most >= Isa::avx512 ? VectorLevel::avx512
                            : most >= Isa::avx2 ? VectorLevel::avx2
                                                : VectorLevel::plain;
  CHECK(allowed_vector_level() == level);
  CHECK(vector_level() == std::min(processor_vector_level(), level));
}

TEST_CASE("sixteen values are computed one by one, in registers of any size", "[widest]") {
  float x[16], y[16];
  for (int i = 0; i < 16; ++i) {
    x[i] = static_cast<float>(i);
    y[i] = static_cast<float>(1 << i % 4);
  }
  float chosen[16], sixteen[16];
  widest([&](auto registers) LLM2CLIP_INLINE_LAMBDA { combine<registers>(x, y, chosen); });
  combine<16>(x, y, sixteen);
  for (int i = 0; i < 16; ++i) {
    const float expected = std::min(std::max(x[i], y[i]), 9.0f) * 2.0f + x[i] / y[i] - 1.0f;
    CHECK(chosen[i] == expected);
    CHECK(sixteen[i] == expected);
  }
}
