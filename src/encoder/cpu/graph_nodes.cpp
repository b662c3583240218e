#include "encoder/cpu/graph_nodes.h"

#include <vector>

namespace llm2clip {

using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

c10::Symbol symbol(const char* name) { return c10::Symbol::fromQualString(name); }

std::optional<c10::IValue> constant(const Value* value) { return torch::jit::toIValue(value); }

bool is_constant(const Value* value, const c10::IValue& expected) {
  return constant(value) == expected;
}

Node* only_user(const Node* node) {
  const auto& uses = node->output()->uses();
  return uses.size() == 1 ? uses.front().user : nullptr;
}

Activation take_activation(Node* product) {
  Node* user = only_user(product);
  if (!user) return {};
  Activation activation;
  if (user->kind() == symbol("llm2clip::quick_gelu")) {
    activation = {"quick_gelu"};
  } else if (user->kind() == symbol("aten::gelu") && constant(user->input(1))) {
    activation = {"gelu", constant(user->input(1))->toStringRef()};
  } else {
    return {};
  }
  user->output()->replaceAllUsesWith(product->output());
  user->destroy();
  return activation;
}

namespace {

// The transpose(1, 2) behind the flatten(2) behind a convolution, if that is all that uses it.
Node* rows_of_patches(const Node* convolution) {
  Node* flat = only_user(convolution);
  if (!flat || flat->kind() != symbol("aten::flatten") || !is_constant(flat->input(1), 2) ||
      !is_constant(flat->input(2), -1)) {
    return nullptr;
  }
  Node* rows = only_user(flat);
  if (!rows || rows->kind() != symbol("aten::transpose") || !is_constant(rows->input(1), 1) ||
      !is_constant(rows->input(2), 2)) {
    return nullptr;
  }
  return rows;
}

}  // namespace

std::optional<Patches> patches_of(Node* node) {
  using List = std::vector<std::int64_t>;
  if (node->kind() != symbol("aten::conv2d") || node->inputs().size() != 7) return std::nullopt;
  const auto weight = constant(node->input(1));
  if (!weight || !weight->isTensor() || !constant(node->input(2))) return std::nullopt;
  const at::Tensor& squares = weight->toTensor();
  const std::int64_t side = squares.size(3);
  const bool whole = squares.size(2) == side && is_constant(node->input(3), List{side, side}) &&
                     is_constant(node->input(4), List{0, 0}) &&
                     is_constant(node->input(5), List{1, 1}) && is_constant(node->input(6), 1);
  Node* rows = whole ? rows_of_patches(node) : nullptr;
  if (!rows) return std::nullopt;
  return Patches{node, rows, squares, side};
}

Value* insert_patches(Graph& graph, const Patches& patches) {
  const torch::jit::WithInsertPoint here(patches.convolution);
  Node* rows = graph.create(symbol("llm2clip::patches"),
                            {patches.convolution->input(0), graph.insertConstant(patches.side)});
  return graph.insertNode(rows)->output();
}

}  // namespace llm2clip
