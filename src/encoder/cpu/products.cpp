#include "encoder/cpu/products.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>

#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "encoder/cpu/graph_nodes.h"
#include "encoder/cpu/processor.h"

namespace llm2clip {
namespace {

using torch::jit::Graph;
using torch::jit::IValue;
using torch::jit::Node;
using torch::jit::Value;

// A product that can be prepacked: its weight (N, K) is a constant, its bias (N) one or none.
struct Product {
  Node* node;
  at::Tensor weight;
  at::Tensor bias;  // undefined: none
};

std::optional<Product> product_of(Node* node) {
  if (node->kind() != symbol("aten::linear")) return std::nullopt;
  const auto weight = constant(node->input(1));
  const auto bias = constant(node->input(2));
  if (!weight || !weight->isTensor() || weight->toTensor().dim() != 2 || !bias) return std::nullopt;
  if (!can_prepack(weight->toTensor().scalar_type())) return std::nullopt;
  return Product{node, weight->toTensor(), bias->isTensor() ? bias->toTensor() : at::Tensor()};
}

at::Tensor merged_weights(const std::vector<Product>& products) {
  std::vector<at::Tensor> weights;
  for (const Product& product : products) weights.push_back(product.weight);
  return weights.size() == 1 ? weights.front() : at::cat(weights);
}

at::Tensor merged_biases(const std::vector<Product>& products) {
  std::vector<at::Tensor> biases;
  bool any = false;
  for (const Product& product : products) {
    any = any || product.bias.defined();
    biases.push_back(product.bias.defined()
                         ? product.bias
                         : at::zeros({product.weight.size(0)}, product.weight.options()));
  }
  return any ? at::cat(biases) : at::Tensor();
}

// Empty where oneDNN cannot, or memory does not suffice: LibTorch's product stays then.
std::optional<at::Tensor> try_to_pack(const at::Tensor& weight) {
  static const auto reorder =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("mkldnn::_reorder_linear_weight", "")
          .typed<at::Tensor(const at::Tensor&, std::optional<at::SymInt>)>();
  try {
    return reorder.call(weight.contiguous(), std::nullopt);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

class Prepacker {
 public:
  Prepacker(Graph& graph, const std::function<void(const at::Tensor&)>& release)
      : graph_(graph), release_(release) {}

  void replace(const std::vector<Product>& products) {
    Node* first = products.front().node;
    const auto weight = try_to_pack(merged_weights(products));
    if (!weight) return;
    const at::Tensor bias = merged_biases(products);
    for (const Product& product : products) bytes_ += product.weight.nbytes();
    const torch::jit::WithInsertPoint here(first);
    const Activation activation = products.size() == 1 ? take_activation(first) : Activation();
    Value* result = insert_product(first->input(0), *weight, bias, activation);
    if (products.size() == 1) {
      first->output()->replaceAllUsesWith(result);
    } else {
      split(products, result);
    }
    for (const Product& product : products) {
      Node* weight_node = product.node->input(1)->node();
      product.node->destroy();
      if (!weight_node->hasUses()) weight_node->destroy();
      release_(product.weight);
    }
  }

  void replace_convolution(const Patches& patches) {
    const auto weight = try_to_pack(patches.squares.flatten(1));
    if (!weight) return;
    const auto bias = constant(patches.convolution->input(2));
    bytes_ += patches.squares.nbytes();
    const torch::jit::WithInsertPoint here(patches.convolution);
    Value* result = insert_product(insert_patches(graph_, patches), *weight,
                                   bias->isTensor() ? bias->toTensor() : at::Tensor(), {});
    patches.rows->output()->replaceAllUsesWith(result);
  }

  std::uint64_t bytes() const { return bytes_; }

 private:
  Value* insert_product(Value* input, const at::Tensor& packed, const at::Tensor& bias,
                        const Activation& activation) {
    Value* none = graph_.insertConstant(IValue());
    Node* node = graph_.create(
        symbol("llm2clip::product"),
        {input, insert_packed(packed), bias.defined() ? graph_.insertConstant(bias) : none,
         graph_.insertConstant(activation.name), graph_.insertConstant(activation.algorithm)});
    return graph_.insertNode(node)->output();
  }

  // Graph::insertConstant refuses tensors without storage, which oneDNN's are.
  Value* insert_packed(const at::Tensor& weight) {
    Node* node = graph_.create(c10::prim::Constant);
    node->t_(c10::attr::value, weight);
    node->output()->setType(c10::TensorType::get());
    return graph_.insertNode(node)->output();
  }

  void split(const std::vector<Product>& products, Value* result) {
    std::int64_t start = 0;
    Value* last = graph_.insertConstant(-1);
    for (const Product& product : products) {
      const std::int64_t count = product.weight.size(0);
      Node* part =
          graph_.create(symbol("aten::narrow"),
                        {result, last, graph_.insertConstant(start), graph_.insertConstant(count)});
      product.node->output()->replaceAllUsesWith(graph_.insertNode(part)->output());
      start += count;
    }
  }

  Graph& graph_;
  const std::function<void(const at::Tensor&)>& release_;
  std::uint64_t bytes_ = 0;
};

// Products of the same input, with weights of the same type, in the order of the graph.
std::vector<std::vector<Product>> products_by_input(Graph& graph, const HalfParameters& halves) {
  std::vector<std::vector<Product>> groups;
  std::unordered_map<const Value*, std::size_t> group_of;
  for (Node* node : graph.nodes()) {
    auto product = product_of(node);
    if (!product || halves.contains(product->weight.const_data_ptr())) continue;
    const auto [group, fresh] = group_of.try_emplace(node->input(0), groups.size());
    if (fresh) groups.emplace_back();
    groups[group->second].push_back(*std::move(product));
  }
  return groups;
}

}  // namespace

std::uint64_t prepack_products(Graph& graph, const HalfParameters& halves,
                               const std::function<void(const at::Tensor&)>& release) {
  Prepacker prepacker(graph, release);
  for (Node* node : graph.nodes()) {
    const auto patches = patches_of(node);
    if (patches && can_prepack(patches->squares.scalar_type())) {
      prepacker.replace_convolution(*patches);
    }
  }
  for (std::vector<Product>& products : products_by_input(graph, halves)) {
    prepacker.replace(products);
    products.clear();  // the last hold on weights that were converted
  }
  return prepacker.bytes();
}

void merge_sums_and_norms(Graph& graph) {
  const std::unordered_map<c10::Symbol, c10::Symbol> merged = {
      {symbol("llm2clip::layer_norm"), symbol("llm2clip::add_layer_norm")},
      {symbol("llm2clip::rms_norm"), symbol("llm2clip::add_rms_norm")}};
  for (auto it = graph.nodes().begin(); it != graph.nodes().end();) {
    Node* norm = *it++;
    const auto kind = merged.find(norm->kind());
    if (kind == merged.end()) continue;
    Node* sum = norm->input(0)->node();
    if (sum->kind() != symbol("aten::add") ||
        !sum->input(1)->type()->isSubtypeOf(c10::TensorType::get()) || sum->inputs().size() != 3 ||
        constant(sum->input(2)) != IValue(1) || sum->owningBlock() != norm->owningBlock()) {
      continue;
    }
    std::vector<Value*> inputs = {sum->input(0), sum->input(1)};
    for (std::size_t i = 1; i < norm->inputs().size(); ++i) inputs.push_back(norm->input(i));
    // Constants may stand anywhere: the graph keeps them at its beginning.
    Node* both = graph.create(kind->second, inputs, 2)->insertBefore(sum);
    sum->output()->replaceAllUsesWith(both->output(0));
    norm->output()->replaceAllUsesWith(both->output(1));
    norm->destroy();
    sum->destroy();
  }
}

namespace {

// The inputs of an operator that have a row for each token, if its result has one for each as well
// and each of them comes from the same row alone. Empty for other operators.
std::vector<std::size_t> token_inputs(const Node* node) {
  static const std::unordered_map<std::string, std::vector<std::size_t>> known = {
      {"aten::add", {0, 1}},
      {"aten::slice", {0}},
      {"aten::narrow", {0}},
      {"llm2clip::product", {0}},
      {"llm2clip::stored_product", {0}},
      {"llm2clip::layer_norm", {0}},
      {"llm2clip::add_layer_norm", {0, 1}},
      {"llm2clip::quick_gelu", {0}},
      {"llm2clip::silu_mul", {0, 1}},
      {"llm2clip::silu_mul_layer_norm", {0, 1}},
      {"llm2clip::attention", {0}}};
  const auto inputs = known.find(node->kind().toQualString());
  if (inputs == known.end()) return {};
  const bool other_axis =
      (node->kind() == symbol("aten::narrow") && !is_constant(node->input(1), -1)) ||
      (node->kind() == symbol("aten::slice") && !is_constant(node->input(1), 0));
  if (other_axis) return {};
  for (const std::size_t input : inputs->second) {
    if (constant(node->input(input))) return {};
  }
  return inputs->second;
}

bool takes_first_token(const Node* node) {
  return node->kind() == symbol("aten::select") && is_constant(node->input(1), 1) &&
         is_constant(node->input(2), 0);
}

// Whether `readers` alone use what `node` gives, and as rows of tokens.
bool is_read_by(const Node* node, const std::unordered_set<const Node*>& readers) {
  for (const Value* output : node->outputs()) {
    for (const torch::jit::Use& use : output->uses()) {
      if (!readers.contains(use.user) || use.user->kind() == symbol("llm2clip::attention")) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace

void skip_unread_tokens(Graph& graph) {
  std::unordered_set<const Node*> narrow;  // compute the first token alone
  for (Node* node : graph.nodes().reverse()) {
    const bool reads_first = takes_first_token(node);
    if (!reads_first &&
        (token_inputs(node).empty() || !node->hasUses() || !is_read_by(node, narrow))) {
      continue;
    }
    narrow.insert(node);
  }
  for (Node* node : graph.nodes()) {
    if (!narrow.contains(node)) continue;
    const std::int64_t axis = node->kind() == symbol("llm2clip::attention") ? 2 : 1;
    const auto inputs = takes_first_token(node) ? std::vector<std::size_t>{0} : token_inputs(node);
    for (const std::size_t input : inputs) {
      Value* rows = node->input(input);
      if (narrow.contains(rows->node())) continue;
      const torch::jit::WithInsertPoint here(node);
      Node* first = graph.create(
          symbol("aten::narrow"),
          {rows, graph.insertConstant(axis), graph.insertConstant(0), graph.insertConstant(1)});
      node->replaceInput(input, graph.insertNode(first)->output());
    }
  }
}

}  // namespace llm2clip
