#pragma once

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include <cstdint>
#include <optional>
#include <string>

// Looking at the nodes of a graph around a product.

namespace llm2clip {

/// The symbol of "namespace::name".
c10::Symbol symbol(const char* name);

/// What `value` is, if it is a constant.
std::optional<c10::IValue> constant(const torch::jit::Value* value);

bool is_constant(const torch::jit::Value* value, const c10::IValue& expected);

/// The operator that uses the result of `node`, if it is the only one.
torch::jit::Node* only_user(const torch::jit::Node* node);

/// An activation by its name, and for "gelu" the algorithm: "none" (exact) or "tanh".
struct Activation {
  std::string name = "none";
  std::string algorithm = {};
};

/// Takes an activation that is all that becomes of `product` out of the graph.
Activation take_activation(torch::jit::Node* product);

/// A convolution of squares that do not overlap.
struct Patches {
  torch::jit::Node* convolution;
  torch::jit::Node* rows;  ///< gives (B, N, W), and nothing else uses what is between
  at::Tensor squares;      ///< (W, 3, side, side)
  std::int64_t side;
};

/// Empty where `node` is something else.
std::optional<Patches> patches_of(torch::jit::Node* node);

/// Puts the operator that makes rows of squares in front of `patches.convolution`.
torch::jit::Value* insert_patches(torch::jit::Graph& graph, const Patches& patches);

}  // namespace llm2clip
