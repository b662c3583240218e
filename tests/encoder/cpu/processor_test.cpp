#include "encoder/cpu/processor.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <cstdlib>
#include <string_view>

#include "base/widest.h"
#include "support/catch.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace llm2clip;

namespace {

// Whether oneDNN lays out a weight of `type`, as it does for every product that it has here.
bool lays_out(at::ScalarType type) {
  const auto reorder = c10::Dispatcher::singleton()
                           .findSchemaOrThrow("mkldnn::_reorder_linear_weight", "")
                           .typed<at::Tensor(const at::Tensor&, std::optional<at::SymInt>)>();
  try {
    return reorder.call(at::zeros({64, 64}, type), std::optional<at::SymInt>(64)).defined();
  } catch (const std::exception&) {
    return false;
  }
}

bool is_held_to(std::string_view isa) {
  const char* name = std::getenv("ONEDNN_MAX_CPU_ISA");
  return name && name == isa;
}

}  // namespace

TEST_CASE("what the processor multiplies is what oneDNN does", "[encoder][processor]") {
  const ProcessorProducts& products = processor_products();
  CHECK((products.bfloat16 != ProductSpeed::none) == lays_out(at::kBFloat16));
  CHECK((products.float16 != ProductSpeed::none) == lays_out(at::kHalf));
  CHECK(can_prepack(at::kBFloat16) == (products.bfloat16 == ProductSpeed::native));
  // With AVX2 our own products need no copies, and without it prepacked ones are slower than
  // LibTorch's.
  CHECK(can_prepack(at::kFloat) == (vector_level() == VectorLevel::avx512));
  CHECK(multiplies_in_place(at::kFloat) == (vector_level() != VectorLevel::plain));
  CHECK_FALSE(can_prepack(at::kHalf));
  CHECK_FALSE(can_prepack(at::kDouble));
}

TEST_CASE("products use nothing that LLM2CLIP_MAX_CPU_ISA does not allow", "[encoder][processor]") {
  if (multiplies_tiles()) CHECK(multiplies_pairs());
  if (multiplies_pairs()) CHECK(vector_level() == VectorLevel::avx512);
  if (!allows(Isa::amx)) CHECK_FALSE(multiplies_tiles());
  if (!allows(Isa::avx512_bf16)) CHECK_FALSE(multiplies_pairs());
  if (!allows(Isa::avx2_vnni)) CHECK_FALSE(multiplies_fused());
  if (allowed_isa() == Isa::avx512) CHECK_FALSE(multiplies_fused());
}

// ctest runs it so, and scripts/check-processors.
TEST_CASE("oneDNN that is held down multiplies no bfloat16 fast", "[encoder][processor]") {
  if (is_held_to("AVX2") || is_held_to("SSE41")) {
    CHECK(processor_products().bfloat16 == ProductSpeed::none);
  } else if (is_held_to("AVX512_CORE")) {
    CHECK(processor_products().bfloat16 != ProductSpeed::native);
  } else {
    WARN("skipped: ONEDNN_MAX_CPU_ISA is neither SSE41, AVX2 nor AVX512_CORE");
  }
}

#if defined(__x86_64__)
// As -ffast-math and at::set_flush_denormal do.
TEST_CASE("a thread that takes small values for zero is told the same of the processor",
          "[encoder][processor]") {
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x8040u);
  const ProcessorProducts products = ask_processor();
  CHECK(_mm_getcsr() == (before | 0x8040u));
  _mm_setcsr(before);
  CHECK(products.bfloat16 == processor_products().bfloat16);
  CHECK(products.float16 == processor_products().float16);
}
#endif
