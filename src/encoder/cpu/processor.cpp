#include "encoder/cpu/processor.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/native/CPUBlas.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linear.h>
#include <c10/core/InferenceMode.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "base/widest.h"
#include "encoder/cpu/certain_threads.h"

namespace llm2clip {
namespace {

// Of an operator without arguments; no where this LibTorch lacks it.
bool library_says(const char* operator_name) {
  const auto found = c10::Dispatcher::singleton().findSchema({operator_name, ""});
  return found && found->typed<bool()>().call();
}

#if defined(__x86_64__)
// What is computed meanwhile has denormals, though the program be compiled with -ffast-math. The
// flags are a thread's own, and the others of a team have those of the thread that made them: so
// one alone computes.
class KeepSmallValues {
 public:
  KeepSmallValues() : flags_(_mm_getcsr()), planned_(planned_threads()) {
    constexpr unsigned kTakenForZero = 0x8040;  // as results, as inputs
    plan_in_team(1);
    _mm_setcsr(flags_ & ~kTakenForZero);
  }
  ~KeepSmallValues() {
    _mm_setcsr(flags_);
    plan_in_team(planned_);
  }
  KeepSmallValues(const KeepSmallValues&) = delete;
  KeepSmallValues& operator=(const KeepSmallValues&) = delete;

 private:
  unsigned flags_;
  int planned_;
};

// Instructions for bfloat16 (AVX512_BF16, AMX) take values below 2^-126 for zero, float32's do not:
// the way to see which of them oneDNN uses, of which it says nothing itself.
bool takes_small_for_zero() {
  const c10::InferenceMode inference;
  const CertainThreads threads;  // or oneDNN leaves zeros of its own
  const KeepSmallValues small_values;
  const at::Tensor small = at::full({16, 64}, 1e-39, at::kBFloat16);
  const at::Tensor large = at::full({64, 64}, 1e30, at::kBFloat16);
  return at::linear(small, large).eq(0).all().item<bool>();
}
#endif

ProductSpeed bfloat16_speed() {
  if (!library_says("mkldnn::_is_mkldnn_bf16_supported")) return ProductSpeed::none;
#if defined(__x86_64__)
  // On AVX-512 without AVX512_BF16 oneDNN is a tenth as fast as with float32; with AVX2's
  // conversions (AVX_NE_CONVERT) it is no faster than with float32.
  if (!takes_small_for_zero()) return ProductSpeed::slow;
#endif
  return ProductSpeed::native;
}

ProductSpeed float16_speed() {
  if (!library_says("mkldnn::_is_mkldnn_fp16_supported")) return ProductSpeed::none;
#if defined(__x86_64__)
  // Only AMX multiplies it faster than float32: AVX512_FP16 is used for conversions, sums being
  // float32.
  if (!at::native::cpublas::could_pack(at::kHalf)) return ProductSpeed::slow;
#endif
  return ProductSpeed::native;
}

const char* adverb(ProductSpeed speed) {
  return speed == ProductSpeed::native ? " fast"
         : speed == ProductSpeed::slow ? " slowly"
                                       : " not at all";
}

}  // namespace

ProcessorProducts ask_processor() {
  return {.bfloat16 = bfloat16_speed(),
          .float16 = float16_speed(),
          // Without AVX512_VNNI two of them take as long at AVX-512 as two of float32.
          .integers = vector_level() == VectorLevel::avx2 || multiplies_fused()};
}

const ProcessorProducts& processor_products() {
  static const ProcessorProducts products = ask_processor();
  return products;
}

std::string describe_processor() {
  const ProcessorProducts& products = processor_products();
  return std::string("multiplies bfloat16") + adverb(products.bfloat16) + ", float16" +
         adverb(products.float16) + "; vector loops for " + to_string(vector_level());
}

bool can_prepack(at::ScalarType type) {
  if (type == at::kBFloat16) return processor_products().bfloat16 == ProductSpeed::native;
#if defined(__x86_64__)
  // Measured without: 8 ms for what LibTorch's product does in 1.6 (64 x 1024 x 1024).
  if (!__builtin_cpu_supports("avx2") || allowed_vector_level() < VectorLevel::avx2) return false;
  // Ours, which copies nothing, is as fast there (note [Products in place]).
  if (vector_level() == VectorLevel::avx2) return false;
#endif
  return type == at::kFloat;
}

bool multiplies_pairs() {
#if LLM2CLIP_LEVELS
  static const bool has = vector_level() == VectorLevel::avx512 && allows(Isa::avx512_bf16) &&
                          __builtin_cpu_supports("avx512bf16") &&
                          processor_products().bfloat16 == ProductSpeed::native;
  return has;
#else
  return false;
#endif
}

bool multiplies_fused() {
#if LLM2CLIP_LEVELS
  static const bool has = [] {
    if (vector_level() == VectorLevel::avx512) {
      return allows(Isa::avx512_bf16) && __builtin_cpu_supports("avx512vnni") != 0;
    }
    return vector_level() == VectorLevel::avx2 && allows(Isa::avx2_vnni) &&
           __builtin_cpu_supports("avxvnni") != 0;
  }();
  return has;
#else
  return false;
#endif
}

bool multiplies_tiles() {
#if LLM2CLIP_LEVELS && defined(__linux__)
  static const bool has = [] {
    constexpr long kAskForState = 0x1023, kTileData = 18;  // of asm/prctl.h, of the manual
    return multiplies_pairs() && allows(Isa::amx) && __builtin_cpu_supports("amx-bf16") &&
           __builtin_cpu_supports("amx-int8") &&
           syscall(SYS_arch_prctl, kAskForState, kTileData) == 0;
  }();
  return has;
#else
  return false;
#endif
}

bool multiplies_in_place(at::ScalarType type) {
  if (vector_level() == VectorLevel::plain) return false;
  if (type == at::kBFloat16) return processor_products().bfloat16 != ProductSpeed::native;
  return type == at::kFloat;
}

}  // namespace llm2clip
