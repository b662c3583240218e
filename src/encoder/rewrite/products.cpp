#include "encoder/rewrite/products.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/jit/ir/constants.h>

#include <optional>
#include <unordered_map>
#include <vector>

namespace llm2clip {
namespace {

using torch::jit::Graph;
using torch::jit::IValue;
using torch::jit::Node;
using torch::jit::Value;

c10::Symbol symbol(const char* name) { return c10::Symbol::fromQualString(name); }

std::optional<IValue> constant(const Value* value) { return torch::jit::toIValue(value); }

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
  const auto type = weight->toTensor().scalar_type();
  if (type != at::kFloat && type != at::kBFloat16) return std::nullopt;
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

at::Tensor packed(const at::Tensor& weight) {
  static const auto reorder =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("mkldnn::_reorder_linear_weight", "")
          .typed<at::Tensor(const at::Tensor&, std::optional<at::SymInt>)>();
  return reorder.call(weight.contiguous(), std::nullopt);
}

// The first operator after `node` in the block that uses its result, if it is the only one.
Node* only_user(const Node* node) {
  const auto& uses = node->output()->uses();
  return uses.size() == 1 ? uses.front().user : nullptr;
}

class Prepacker {
 public:
  explicit Prepacker(Graph& graph) : graph_(graph) {}

  void replace(const std::vector<Product>& products) {
    Node* first = products.front().node;
    const at::Tensor weight = merged_weights(products);
    const at::Tensor bias = merged_biases(products);
    bytes_ += weight.nbytes();
    const torch::jit::WithInsertPoint here(first);
    Value* result = insert_product(first->input(0), weight, bias, first);
    if (products.size() == 1) {
      first->output()->replaceAllUsesWith(result);
    } else {
      split(products, result);
    }
    for (const Product& product : products) product.node->destroy();
  }

  std::uint64_t bytes() const { return bytes_; }

 private:
  Value* insert_product(Value* input, const at::Tensor& weight, const at::Tensor& bias,
                        Node* replaced) {
    const auto [activation, algorithm] = take_activation(replaced);
    Value* none = graph_.insertConstant(IValue());
    Node* node = graph_.create(symbol("llm2clip::product"),
                               {input, insert_packed(packed(weight)),
                                bias.defined() ? graph_.insertConstant(bias) : none,
                                graph_.insertConstant(activation), graph_.insertConstant(algorithm)});
    return graph_.insertNode(node)->output();
  }

  // Graph::insertConstant refuses tensors without storage, which oneDNN's are.
  Value* insert_packed(const at::Tensor& weight) {
    Node* node = graph_.create(c10::prim::Constant);
    node->t_(c10::attr::value, weight);
    node->output()->setType(c10::TensorType::get());
    return graph_.insertNode(node)->output();
  }

  // A GELU that is all that becomes of `product` goes away; what oneDNN calls it comes back.
  std::pair<std::string, std::string> take_activation(Node* product) {
    Node* user = only_user(product);
    if (!user || user->kind() != symbol("aten::gelu")) return {"none", ""};
    const auto algorithm = constant(user->input(1));
    if (!algorithm || !algorithm->isString()) return {"none", ""};
    user->output()->replaceAllUsesWith(product->output());
    user->destroy();
    return {"gelu", algorithm->toStringRef()};
  }

  void split(const std::vector<Product>& products, Value* result) {
    std::int64_t start = 0;
    Value* last = graph_.insertConstant(-1);
    for (const Product& product : products) {
      const std::int64_t count = product.weight.size(0);
      Node* part = graph_.create(symbol("aten::narrow"), {result, last, graph_.insertConstant(start),
                                                          graph_.insertConstant(count)});
      product.node->output()->replaceAllUsesWith(graph_.insertNode(part)->output());
      start += count;
    }
  }

  Graph& graph_;
  std::uint64_t bytes_ = 0;
};

// Products of the same input, with weights of the same type, in the order of the graph.
std::vector<std::vector<Product>> products_by_input(Graph& graph) {
  std::vector<std::vector<Product>> groups;
  std::unordered_map<const Value*, std::size_t> group_of;
  for (Node* node : graph.nodes()) {
    auto product = product_of(node);
    if (!product) continue;
    const auto [group, fresh] = group_of.try_emplace(node->input(0), groups.size());
    if (fresh) groups.emplace_back();
    groups[group->second].push_back(*std::move(product));
  }
  return groups;
}

}  // namespace

std::uint64_t prepack_products(Graph& graph) {
  Prepacker prepacker(graph);
  for (const std::vector<Product>& products : products_by_input(graph)) {
    prepacker.replace(products);
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
    if (sum->kind() != symbol("aten::add") || !sum->input(1)->type()->isSubtypeOf(c10::TensorType::get()) ||
        sum->inputs().size() != 3 || constant(sum->input(2)) != IValue(1) ||
        sum->owningBlock() != norm->owningBlock()) {
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

}  // namespace llm2clip
