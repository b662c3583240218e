#pragma once

#include <torch/csrc/jit/ir/ir.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "encoder/cpu/stored_weights.h"

namespace llm2clip {

/// Replaces products with constant weights by oneDNN's with weights laid out for them: those that
/// share their input become one, a GELU behind one becomes part of it, and a convolution of
/// squares that do not overlap becomes one too. Tells
/// `release` of each weight that was copied, and returns the bytes of the copies. Those of `halves`
/// are left alone.
std::uint64_t prepack_products(torch::jit::Graph& graph, const HalfParameters& halves,
                               const std::function<void(const at::Tensor&)>& release);

/// Takes a sum and the norm of it together.
void merge_sums_and_norms(torch::jit::Graph& graph);

/// Where only the first token is read at the end, lets the layers' last products compute only that.
void skip_unread_tokens(torch::jit::Graph& graph);

}  // namespace llm2clip
