#include "encoder/cpu/stored_weights.h"

#include <optional>
#include <utility>
#include <vector>

#include "encoder/cpu/graph_nodes.h"
#include "encoder/cpu/processor.h"
#include "encoder/cpu/quantized_weights.h"
#include "encoder/cpu/stored_product.h"

namespace llm2clip {
namespace {

using torch::jit::Graph;
using torch::jit::IValue;
using torch::jit::Node;
using torch::jit::Value;

bool is_in(const HalfParameters& halves, const at::Tensor& tensor) {
  return halves.contains(tensor.const_data_ptr());
}

std::optional<at::Tensor> constant_tensor(const Value* value) {
  const auto found = constant(value);
  if (!found || !found->isTensor()) return std::nullopt;
  return found->toTensor();
}

// The weight of a product whose other inputs are constants, in the block that is looked through.
std::optional<at::Tensor> weight_of(const Node* node, const Graph& graph) {
  if (node->kind() != symbol("aten::linear") || node->owningBlock() != graph.block() ||
      !constant(node->input(2))) {
    return std::nullopt;
  }
  auto weight = constant_tensor(node->input(1));
  if (!weight || !can_multiply({*weight, {}, {}})) return std::nullopt;
  return weight;
}

// `input` of `node` is read as it is stored.
bool stays(const torch::jit::Use& use, const Graph& graph) {
  if (use.user->kind() == symbol("aten::embedding")) return use.offset == 0;
  return use.offset == 1 && weight_of(use.user, graph);
}

void widen_rows(Graph& graph, Node* embedding) {
  const torch::jit::WithInsertPoint here(embedding->next());
  Value* no = graph.insertConstant(false);
  Node* wide = graph.create(symbol("aten::to"), {embedding->output(), graph.insertConstant(6), no,
                                                 no, graph.insertConstant(IValue())});
  graph.insertNode(wide);
  embedding->output()->replaceAllUsesAfterNodeWith(wide, wide->output());
}

void widen(Graph& graph, Value* value, const at::Tensor& tensor) {
  std::vector<torch::jit::Use> others;
  for (const torch::jit::Use& use : value->uses()) {
    if (!stays(use, graph)) {
      others.push_back(use);
    } else if (use.user->kind() == symbol("aten::embedding")) {
      widen_rows(graph, use.user);
    }
  }
  if (others.empty()) return;
  const torch::jit::WithInsertPoint here(value->node());
  Value* wide = graph.insertConstant(tensor.to(at::kFloat));
  for (const torch::jit::Use& use : others) use.user->replaceInput(use.offset, wide);
}

// Whether a product in place is the fastest there is, or the only one, for a weight that is not
// prepacked.
bool is_best(const at::Tensor& weight, const HalfParameters& halves) {
  return is_in(halves, weight) || multiplies_in_place(weight.scalar_type());
}

Value* insert_table(Graph& graph, const at::Tensor& table) {
  return graph.insertConstant(table.defined() ? IValue(table) : IValue());
}

Value* insert_product(Graph& graph, Value* x, const StoredWeight& weight, Value* bias,
                      const Activation& activation, RowsAs rows_as) {
  Node* node = graph.create(
      symbol("llm2clip::stored_product"),
      {x, insert_table(graph, weight.values), insert_table(graph, weight.scales),
       insert_table(graph, weight.minimums), bias, graph.insertConstant(activation.name),
       graph.insertConstant(activation.algorithm),
       graph.insertConstant(static_cast<std::int64_t>(rows_as))});
  return graph.insertNode(node)->output();
}

void replace_product(Graph& graph, Node* linear, const StoredWeight& weight, RowsAs rows_as) {
  const torch::jit::WithInsertPoint here(linear);
  const Activation activation = take_activation(linear);
  linear->output()->replaceAllUsesWith(
      insert_product(graph, linear->input(0), weight, linear->input(2), activation, rows_as));
  linear->destroy();
}

void replace_convolution(Graph& graph, const Patches& patches) {
  Value* squares = insert_patches(graph, patches);
  const torch::jit::WithInsertPoint here(patches.convolution);
  patches.rows->output()->replaceAllUsesWith(
      insert_product(graph, squares, {patches.squares.flatten(1), {}, {}},
                     patches.convolution->input(2), {}, RowsAs::they_are));
}

// The weight of a product that is to be ours.
std::optional<StoredWeight> stored_weight(const Node* node, const Graph& graph,
                                          const HalfParameters& halves) {
  const auto weight = weight_of(node, graph);
  if (weight)
    return is_best(*weight, halves) ? std::optional(StoredWeight{*weight, {}, {}}) : std::nullopt;
  const bool may_widen = node->kind() == symbol("aten::linear") &&
                         node->owningBlock() == graph.block() && constant(node->input(2));
  return may_widen ? quantized_weight(node) : std::nullopt;
}

}  // namespace

void compute_in_float32(Graph& graph, const HalfParameters& halves,
                        const std::function<void(const at::Tensor&)>& release) {
  std::vector<Node*> constants;
  for (Node* node : graph.nodes()) {
    if (node->kind() == c10::prim::Constant) constants.push_back(node);
  }
  for (Node* node : constants) {
    const auto tensor = constant_tensor(node->output());
    if (!tensor || !is_in(halves, *tensor)) continue;
    widen(graph, node->output(), *tensor);
    if (node->hasUses()) continue;
    node->destroy();
    release(*tensor);
  }
}

void multiply_stored_weights(Graph& graph, const HalfParameters& halves, RowsAs rows_as) {
  std::vector<Patches> convolutions;
  std::vector<std::pair<Node*, StoredWeight>> products;
  for (Node* node : graph.nodes()) {
    const auto patches = patches_of(node);
    if (patches && patches->squares.is_contiguous() && is_best(patches->squares, halves)) {
      convolutions.push_back(*patches);
    }
    auto weight = stored_weight(node, graph, halves);
    if (weight) products.emplace_back(node, *std::move(weight));
  }
  for (const Patches& patches : convolutions) replace_convolution(graph, patches);
  for (const auto& [linear, weight] : products) replace_product(graph, linear, weight, rows_as);
}

}  // namespace llm2clip
