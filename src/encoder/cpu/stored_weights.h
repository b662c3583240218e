#pragma once

#include <torch/csrc/jit/ir/ir.h>

#include <functional>
#include <unordered_set>

#include "encoder/cpu/stored_product.h"

namespace llm2clip {

/// The memory of a module's parameters of 16 bits.
using HalfParameters = std::unordered_set<const void*>;

/// Lets a graph with parameters of 16 bits compute in float32: weights of products and tables of
/// tokens stay as they are stored, and multiply_stored_weights() must follow; the others are
/// converted, of which it tells `release`.
void compute_in_float32(torch::jit::Graph& graph, const HalfParameters& halves,
                        const std::function<void(const at::Tensor&)>& release);

/// Replaces products by ours, which read constant weights where they lie: where these have fewer
/// bits than what is computed in (quantized_weights.h tells those of 8 and 4), and where ours are
/// the fastest there are. Rows that meet weights of 8 and 4 bits are multiplied as `rows_as`.
void multiply_stored_weights(torch::jit::Graph& graph, const HalfParameters& halves,
                             RowsAs rows_as);

}  // namespace llm2clip
