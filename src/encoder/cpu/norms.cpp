#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/rsqrt.h>

#include <vector>

#include "encoder/cpu/kernels.h"
#include "encoder/cpu/rows_of.h"
#include "encoder/cpu/whole_rows.h"

namespace llm2clip {
namespace {

using namespace vector;
using std::int64_t;

// Folds `step(values)` of a row into sixteen sums; what lies behind a row's end counts as zero.
template <std::size_t bytes, typename Stored, typename Step>
LLM2CLIP_INLINE float sum_row(const Stored* x, int64_t count, Step&& step) {
  Floats<bytes> sums = {};
  each_vector(
      count, [&](int64_t i) LLM2CLIP_INLINE_LAMBDA { sums += step(load<bytes>(x + i)); },
      [&](int64_t i, int64_t rest) LLM2CLIP_INLINE_LAMBDA {
        float values[kLanes];
        store(step(load_some<bytes>(x + i, rest)), values);
        std::fill(values + rest, values + kLanes, 0.0f);
        sums += load<bytes>(values);
      });
  return sum_of(sums);
}

template <std::size_t bytes, typename Stored>
LLM2CLIP_INLINE void add_values(const Stored* x, const Stored* y, Stored* sum, int64_t count) {
  map_pairs<bytes>(x, y, sum, count, [](auto a, auto b) LLM2CLIP_INLINE_LAMBDA { return a + b; });
}

template <std::size_t bytes, typename Stored>
LLM2CLIP_INLINE void rms_norm_values(const Stored* x, const Stored* weight, float eps, Stored* out,
                                     int64_t count) {
  const float squares =
      sum_row<bytes>(x, count, [](auto value) LLM2CLIP_INLINE_LAMBDA { return value * value; });
  const float factor = 1.0f / __builtin_sqrtf(squares / static_cast<float>(count) + eps);
  each_vector(
      count,
      [&](int64_t i) LLM2CLIP_INLINE_LAMBDA {
        store(rounded<Stored>(load<bytes>(x + i) * factor) * load<bytes>(weight + i), out + i);
      },
      [&](int64_t i, int64_t rest) LLM2CLIP_INLINE_LAMBDA {
        store_some(rounded<Stored>(load_some<bytes>(x + i, rest) * factor) *
                       load_some<bytes>(weight + i, rest),
                   out + i, rest);
      });
}

template <std::size_t bytes, typename In, typename Stored>
LLM2CLIP_INLINE void layer_norm_values(const In* x, const Stored* weight, const Stored* bias,
                                       float eps, Stored* out, int64_t count) {
  const float mean =
      sum_row<bytes>(x, count, [](auto value) LLM2CLIP_INLINE_LAMBDA { return value; }) /
      static_cast<float>(count);
  const float variance = sum_row<bytes>(x, count,
                                        [&](auto value) LLM2CLIP_INLINE_LAMBDA {
                                          return (value - mean) * (value - mean);
                                        }) /
                         static_cast<float>(count);
  const float factor = 1.0f / __builtin_sqrtf(variance + eps);
  each_vector(
      count,
      [&](int64_t i) LLM2CLIP_INLINE_LAMBDA {
        store(
            (load<bytes>(x + i) - mean) * factor * load<bytes>(weight + i) + load<bytes>(bias + i),
            out + i);
      },
      [&](int64_t i, int64_t rest) LLM2CLIP_INLINE_LAMBDA {
        store_some(
            (load_some<bytes>(x + i, rest) - mean) * factor * load_some<bytes>(weight + i, rest) +
                load_some<bytes>(bias + i, rest),
            out + i, rest);
      });
}

// silu(gate) up, rounded as a stored product would be.
template <std::size_t bytes, typename Stored>
LLM2CLIP_INLINE void gate_values(const Stored* gate, const Stored* up, float* out, int64_t count) {
  map_pairs<bytes>(gate, up, out, count, [](auto g, auto u) LLM2CLIP_INLINE_LAMBDA {
    return rounded<Stored>(g * sigmoid(g) * u);
  });
}

// One row of silu_mul_layer_norm; `product` has room for it.
template <std::size_t bytes, typename Stored>
LLM2CLIP_INLINE void gated_norm_values(const Stored* gate, const Stored* up, const Stored* weight,
                                       const Stored* bias, float eps, Stored* out, float* product,
                                       int64_t count) {
  gate_values<bytes>(gate, up, product, count);
  layer_norm_values<bytes>(static_cast<const float*>(product), weight, bias, eps, out, count);
}

template <typename Stored>
const Stored* values_of(const at::Tensor& tensor) {
  return static_cast<const Stored*>(tensor.const_data_ptr());
}

template <typename Stored>
void rms_norm_rows(const at::Tensor& x, const at::Tensor& weight, double eps, at::Tensor& result) {
  const RowsOf<Stored> in(x), out(result);
  const Stored* weights = values_of<Stored>(weight);
  const auto epsilon = static_cast<float>(eps);
  const int64_t width = x.size(-1);
  for_rows(rows_in(x), width, [&](int64_t first, int64_t last) {
    widest([&](auto registers) LLM2CLIP_INLINE_LAMBDA {
      for (int64_t row = first; row < last; ++row) {
        rms_norm_values<registers>(static_cast<const Stored*>(in[row]), weights, epsilon, out[row],
                                   width);
      }
    });
  });
}

template <typename Stored>
void layer_norm_rows(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                     double eps, at::Tensor& result) {
  const RowsOf<Stored> in(x), out(result);
  const Stored* weights = values_of<Stored>(weight);
  const Stored* biases = values_of<Stored>(bias);
  const auto epsilon = static_cast<float>(eps);
  const int64_t width = x.size(-1);
  for_rows(rows_in(x), width, [&](int64_t first, int64_t last) {
    widest([&](auto registers) LLM2CLIP_INLINE_LAMBDA {
      for (int64_t row = first; row < last; ++row) {
        layer_norm_values<registers>(static_cast<const Stored*>(in[row]), weights, biases, epsilon,
                                     out[row], width);
      }
    });
  });
}

// `norm(registers, sum row, out row)` right after each row's sum, while it is near.
template <typename Stored, typename Norm>
void add_then(const at::Tensor& x, const at::Tensor& y, at::Tensor& sum, at::Tensor& result,
              const Norm& norm) {
  const RowsOf<Stored> xs(x), ys(y), sums(sum), out(result);
  const int64_t width = x.size(-1);
  for_rows(rows_in(x), width, [&](int64_t first, int64_t last) {
    widest([&](auto registers) LLM2CLIP_INLINE_LAMBDA {
      for (int64_t row = first; row < last; ++row) {
        add_values<registers>(xs[row], ys[row], sums[row], width);
        norm(registers, sums[row], out[row], width);
      }
    });
  });
}

template <typename Stored>
void add_then_rms_norm(const at::Tensor& x, const at::Tensor& y, const at::Tensor& weight,
                       float epsilon, at::Tensor& sum, at::Tensor& result) {
  const Stored* weights = values_of<Stored>(weight);
  add_then<Stored>(
      x, y, sum, result,
      [&](auto registers, const Stored* in, Stored* out, int64_t width)
          LLM2CLIP_INLINE_LAMBDA { rms_norm_values<registers>(in, weights, epsilon, out, width); });
}

template <typename Stored>
void add_then_layer_norm(const at::Tensor& x, const at::Tensor& y, const at::Tensor& weight,
                         const at::Tensor& bias, float epsilon, at::Tensor& sum,
                         at::Tensor& result) {
  const Stored* weights = values_of<Stored>(weight);
  const Stored* biases = values_of<Stored>(bias);
  add_then<Stored>(x, y, sum, result,
                   [&](auto registers, const Stored* in, Stored* out, int64_t width)
                       LLM2CLIP_INLINE_LAMBDA {
                         layer_norm_values<registers>(in, weights, biases, epsilon, out, width);
                       });
}

template <typename Stored>
void gated_norm_rows(const at::Tensor& gate, const at::Tensor& up, const at::Tensor& weight,
                     const at::Tensor& bias, double eps, at::Tensor& result) {
  const RowsOf<Stored> gates(gate), ups(up), out(result);
  const Stored* weights = values_of<Stored>(weight);
  const Stored* biases = values_of<Stored>(bias);
  const auto epsilon = static_cast<float>(eps);
  const int64_t width = gate.size(-1);
  for_rows(rows_in(gate), width, [&](int64_t first, int64_t last) {
    std::vector<float> product(static_cast<std::size_t>(width));
    widest([&](auto registers) LLM2CLIP_INLINE_LAMBDA {
      for (int64_t row = first; row < last; ++row) {
        gated_norm_values<registers>(gates[row], ups[row], weights, biases, epsilon, out[row],
                                     product.data(), width);
      }
    });
  });
}

bool is_scale_of(const at::Tensor& weight, const at::Tensor& x) {
  return weight.dim() == 1 && weight.size(0) == x.size(-1) && weight.is_contiguous() &&
         weight.scalar_type() == x.scalar_type();
}

bool can_normalize(const at::Tensor& x, const at::Tensor& weight) {
  return x.dim() > 0 && x.size(-1) > 0 && is_vectorized(x.scalar_type()) && is_rows(x) &&
         is_scale_of(weight, x);
}

bool can_add(const at::Tensor& x, const at::Tensor& y) {
  return x.sizes() == y.sizes() && x.scalar_type() == y.scalar_type() && is_rows(y);
}

at::Tensor plain_rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const at::Tensor wide = x.to(at::kFloat);
  const at::Tensor mean = wide.square().mean(-1, /*keepdim=*/true);
  return weight.mul(wide.mul(mean.add(eps).rsqrt()).to(x.scalar_type()));
}

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  if (!can_normalize(x, weight)) return plain_rms_norm(x, weight, eps);
  at::Tensor result = empty_rows(x.sizes(), x.options());
  if (x.scalar_type() == at::kFloat) {
    rms_norm_rows<float>(x, weight, eps, result);
  } else {
    rms_norm_rows<BFloat16>(x, weight, eps, result);
  }
  return result;
}

std::tuple<at::Tensor, at::Tensor> add_rms_norm(const at::Tensor& x, const at::Tensor& y,
                                                const at::Tensor& weight, double eps) {
  if (!can_normalize(x, weight) || !can_add(x, y)) {
    const at::Tensor sum = x.add(y);
    return {sum, rms_norm(sum, weight, eps)};
  }
  at::Tensor sum = at::empty(x.sizes(), x.options());
  at::Tensor result = empty_rows(x.sizes(), x.options());
  const auto epsilon = static_cast<float>(eps);
  if (x.scalar_type() == at::kFloat) {
    add_then_rms_norm<float>(x, y, weight, epsilon, sum, result);
  } else {
    add_then_rms_norm<BFloat16>(x, y, weight, epsilon, sum, result);
  }
  return {sum, result};
}

at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                      double eps) {
  if (!can_normalize(x, weight) || !is_scale_of(bias, x)) {
    return at::layer_norm(x, weight.sizes(), weight, bias, eps);
  }
  at::Tensor result = empty_rows(x.sizes(), x.options());
  if (x.scalar_type() == at::kFloat) {
    layer_norm_rows<float>(x, weight, bias, eps, result);
  } else {
    layer_norm_rows<BFloat16>(x, weight, bias, eps, result);
  }
  return result;
}

std::tuple<at::Tensor, at::Tensor> add_layer_norm(const at::Tensor& x, const at::Tensor& y,
                                                  const at::Tensor& weight, const at::Tensor& bias,
                                                  double eps) {
  if (!can_normalize(x, weight) || !is_scale_of(bias, x) || !can_add(x, y)) {
    const at::Tensor sum = x.add(y);
    return {sum, layer_norm(sum, weight, bias, eps)};
  }
  at::Tensor sum = at::empty(x.sizes(), x.options());
  at::Tensor result = empty_rows(x.sizes(), x.options());
  const auto epsilon = static_cast<float>(eps);
  if (x.scalar_type() == at::kFloat) {
    add_then_layer_norm<float>(x, y, weight, bias, epsilon, sum, result);
  } else {
    add_then_layer_norm<BFloat16>(x, y, weight, bias, epsilon, sum, result);
  }
  return {sum, result};
}

at::Tensor silu_mul_layer_norm(const at::Tensor& gate, const at::Tensor& up,
                               const at::Tensor& weight, const at::Tensor& bias, double eps) {
  if (!can_normalize(gate, weight) || !is_scale_of(bias, gate) || !can_add(gate, up)) {
    return layer_norm(silu_mul(gate, up), weight, bias, eps);
  }
  at::Tensor result = empty_rows(gate.sizes(), gate.options());
  if (gate.scalar_type() == at::kFloat) {
    gated_norm_rows<float>(gate, up, weight, bias, eps, result);
  } else {
    gated_norm_rows<BFloat16>(gate, up, weight, bias, eps, result);
  }
  return result;
}

}  // namespace llm2clip
