#pragma once

#include <ATen/core/Tensor.h>

#include <tuple>

// What the optimized graphs are made of besides products and attention: each goes over its memory
// once, on LibTorch's threads, and computes in float32 between reading and writing. Inputs are
// float32 or bfloat16 on a CPU. A kernel that does not know the layout or types it gets does the
// same with LibTorch's own operators.

namespace llm2clip {

/// x sigmoid(1.702 x), any shape.
at::Tensor quick_gelu(const at::Tensor& x);

/// The same over contiguous `x` itself, float32 or bfloat16: large results cost page faults.
void quick_gelu_in_place(at::Tensor& x);

/// silu(gate) up, both (..., N). They may be halves of one product.
at::Tensor silu_mul(const at::Tensor& gate, const at::Tensor& up);

/// x / rms(x) weight over the last axis; the quotient is rounded to the type of x before it is
/// multiplied, as in the reference (docs/numerics.md).
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

/// (x + y, rms_norm(x + y)); the norm is taken of the rounded sum.
std::tuple<at::Tensor, at::Tensor> add_rms_norm(const at::Tensor& x, const at::Tensor& y,
                                                const at::Tensor& weight, double eps);

/// LayerNorm over the last axis.
at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                      double eps);

/// (x + y, layer_norm(x + y)); the norm is taken of the rounded sum.
std::tuple<at::Tensor, at::Tensor> add_layer_norm(const at::Tensor& x, const at::Tensor& y,
                                                  const at::Tensor& weight, const at::Tensor& bias,
                                                  double eps);

/// layer_norm(silu(gate) up).
at::Tensor silu_mul_layer_norm(const at::Tensor& gate, const at::Tensor& up,
                               const at::Tensor& weight, const at::Tensor& bias, double eps);

/// Turns each pair (i, i + d/2) of the last axis: x (B, heads, T, d), cos and sin (T, d/2).
/// Returns the same shape, laid out as (B, T, heads, d).
at::Tensor rotate_halves(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);

/// Turns each pair (2i, 2i + 1) of the last axis of all tokens but the first:
/// x (B, heads, T, d), cos and sin (T - 1, d/2). Returns the same shape, laid out as
/// (B, T, heads, d).
at::Tensor rotate_neighbors(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);

/// The squares of side P of pixels (B, 3, S, S), each as a row (channel, y, x): (B, (S/P)^2, 3PP).
at::Tensor patches(const at::Tensor& pixels, std::int64_t side);

}  // namespace llm2clip
