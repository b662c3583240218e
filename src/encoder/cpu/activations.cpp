#include <ATen/ops/empty.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>

#include "encoder/cpu/kernels.h"
#include "encoder/cpu/rows_of.h"
#include "encoder/cpu/whole_rows.h"

namespace llm2clip {
namespace {

using namespace vector;
using std::int64_t;

template <std::size_t bytes, typename Stored>
LLM2CLIP_INLINE void quick_gelu_values(const Stored* x, Stored* out, int64_t count) {
  const auto activate = [](auto value)
                            LLM2CLIP_INLINE_LAMBDA { return value * sigmoid(value * 1.702f); };
  each_vector(
      count,
      [&](int64_t i) LLM2CLIP_INLINE_LAMBDA { store(activate(load<bytes>(x + i)), out + i); },
      [&](int64_t i, int64_t rest) LLM2CLIP_INLINE_LAMBDA {
        store_some(activate(load_some<bytes>(x + i, rest)), out + i, rest);
      });
}

template <std::size_t bytes, typename Stored>
LLM2CLIP_INLINE void silu_mul_values(const Stored* gate, const Stored* up, Stored* out,
                                     int64_t count) {
  map_pairs<bytes>(gate, up, out, count,
                   [](auto g, auto u) LLM2CLIP_INLINE_LAMBDA { return g * sigmoid(g) * u; });
}

template <typename Stored>
void quick_gelu_as(const at::Tensor& x, at::Tensor& result) {
  const auto* in = static_cast<const Stored*>(x.const_data_ptr());
  auto* out = static_cast<Stored*>(result.mutable_data_ptr());
  at::parallel_for(0, x.numel(), 16384, [&](int64_t first, int64_t last) {
    widest([&](auto registers) LLM2CLIP_INLINE_LAMBDA {
      quick_gelu_values<registers>(in + first, out + first, last - first);
    });
  });
}

void quick_gelu_to(const at::Tensor& x, at::Tensor& result) {
  if (x.scalar_type() == at::kFloat) {
    quick_gelu_as<float>(x, result);
  } else {
    quick_gelu_as<BFloat16>(x, result);
  }
}

template <typename Stored>
at::Tensor silu_mul_as(const at::Tensor& gate, const at::Tensor& up) {
  at::Tensor result = empty_rows(gate.sizes(), gate.options());
  const RowsOf<Stored> gates(gate), ups(up), out(result);
  const int64_t width = gate.size(-1);
  for_rows(rows_in(gate), width, [&](int64_t first, int64_t last) {
    widest([&](auto registers) LLM2CLIP_INLINE_LAMBDA {
      for (int64_t row = first; row < last; ++row) {
        silu_mul_values<registers>(gates[row], ups[row], out[row], width);
      }
    });
  });
  return result;
}

}  // namespace

at::Tensor quick_gelu(const at::Tensor& x) {
  if (!x.is_contiguous() || !is_vectorized(x.scalar_type())) {
    return x.mul(x.mul(1.702).sigmoid());
  }
  at::Tensor result = at::empty(x.sizes(), x.options());
  quick_gelu_to(x, result);
  return result;
}

void quick_gelu_in_place(at::Tensor& x) { quick_gelu_to(x, x); }

at::Tensor silu_mul(const at::Tensor& gate, const at::Tensor& up) {
  if (gate.sizes() != up.sizes() || gate.scalar_type() != up.scalar_type() || !is_rows(gate) ||
      !is_rows(up) || !is_vectorized(gate.scalar_type())) {
    return at::silu(gate).mul(up);
  }
  return gate.scalar_type() == at::kFloat ? silu_mul_as<float>(gate, up)
                                          : silu_mul_as<BFloat16>(gate, up);
}

}  // namespace llm2clip
