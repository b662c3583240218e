#include "encoder/cpu/optimized_graph.h"

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/common_subexpression_elimination.h>
#include <torch/csrc/jit/passes/constant_pooling.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include "encoder/cpu/operators.h"
#include "encoder/cpu/patterns.h"
#include "encoder/cpu/products.h"
#include "encoder/cpu/stored_weights.h"
#include "encoder/cpu/token_counts.h"

namespace llm2clip {
namespace {

using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::IValue;
using torch::jit::Node;
using torch::jit::Value;

// The value of self.a.b.c, if `value` is that.
std::optional<IValue> attribute_of(const Value* value, const Value* self,
                                   const torch::jit::Module& module) {
  if (value == self) return module._ivalue();
  const Node* node = value->node();
  if (node->kind() != c10::prim::GetAttr) return std::nullopt;
  const auto owner = attribute_of(node->input(), self, module);
  if (!owner || !owner->isObject()) return std::nullopt;
  return owner->toObject()->getAttr(node->s(c10::attr::name));
}

IValue without_gradient(const IValue& value) {
  return value.isTensor() ? IValue(value.toTensor().detach()) : value;
}

// Puts constants where the graph reads attributes that are tensors, or that are not: nothing writes
// them after loading.
void resolve_attributes(Block& block, const Value* self, const torch::jit::Module& module,
                        bool tensors) {
  Graph& graph = *block.owningGraph();
  for (Node* node : block.nodes()) {
    for (Block* inner : node->blocks()) resolve_attributes(*inner, self, module, tensors);
    if (node->kind() != c10::prim::GetAttr || !node->hasUses()) continue;
    const auto value = attribute_of(node->output(), self, module);
    if (!value || value->isObject() || value->isTensor() != tensors) continue;
    const torch::jit::WithInsertPoint start(graph.block()->nodes().front());
    if (const auto known = torch::jit::tryInsertConstant(graph, without_gradient(*value))) {
      node->output()->replaceAllUsesWith(*known);
    }
  }
}

HalfParameters half_parameters(const torch::jit::Module& module) {
  HalfParameters halves;
  for (const at::Tensor& parameter : module.parameters(/*recurse=*/true)) {
    const bool is_half =
        parameter.scalar_type() == at::kBFloat16 || parameter.scalar_type() == at::kHalf;
    if (is_half && parameter.numel() > 0) halves.insert(parameter.const_data_ptr());
  }
  return halves;
}

// Puts constants where the graph asks for a weight's type, so that nothing else keeps the weight.
// The type of `halves` is to be float32.
void resolve_types(Graph& graph, const HalfParameters& halves) {
  for (Node* node : graph.nodes()) {
    if (node->kind() != c10::prim::dtype) continue;
    const auto tensor = torch::jit::toIValue(node->input());
    if (!tensor || !tensor->isTensor()) continue;
    const torch::jit::WithInsertPoint here(node);
    const at::Tensor& asked = tensor->toTensor();
    const bool widens = halves.contains(asked.const_data_ptr());
    const auto type = static_cast<std::int64_t>(widens ? at::kFloat : asked.scalar_type());
    node->output()->replaceAllUsesWith(graph.insertConstant(type));
  }
}

// Without looking for aliases, which takes longer than everything else here: operators that write
// to their inputs stay.
void drop_unused(Graph& graph) { torch::jit::EliminateDeadCode(graph.block()); }

// forward's graph, with what it calls in it and without the module.
std::shared_ptr<Graph> whole_graph(const torch::jit::Module& module, const HalfParameters& halves) {
  std::shared_ptr<Graph> graph = module.get_method("forward").graph()->copy();
  torch::jit::Inline(*graph);
  const Value* self = graph->inputs().front();
  resolve_attributes(*graph->block(), self, module, /*tensors=*/false);
  torch::jit::ConstantPropagation(graph);
  torch::jit::EliminateCommonSubexpression(graph);
  torch::jit::ConstantPooling(graph);
  // Only now: the passes above compare constants, and would read every weight from the disk.
  resolve_attributes(*graph->block(), self, module, /*tensors=*/true);
  resolve_types(*graph, halves);
  drop_unused(*graph);
  if (graph->inputs().front()->hasUses()) {
    throw std::runtime_error("the program writes or calls what it was loaded with");
  }
  graph->eraseInput(0);
  return graph;
}

// Where nothing is lost when it fails: the module is still there.
std::shared_ptr<Graph> recognized_graph(const torch::jit::Module& module,
                                        const HalfParameters& halves) {
  try {
    register_operators();
    std::shared_ptr<Graph> graph = whole_graph(module, halves);
    replace_chains(graph);
    return graph;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw OptimizedGraph::NotPossible(error.what());
  }
}

void count_operators(const Block& block, std::map<std::string, int>& counts) {
  for (const Node* node : block.nodes()) {
    if (node->kind().ns() == c10::Symbol::fromQualString("namespaces::llm2clip")) {
      ++counts[node->kind().toUnqualString()];
    }
    for (const Block* inner : node->blocks()) count_operators(*inner, counts);
  }
}

}  // namespace

struct OptimizedGraph::Impl {
  torch::jit::Code code;
  std::map<std::string, int> operators;
  std::vector<at::Tensor> tensors;
  std::uint64_t packed_bytes = 0;
  bool takes_token_counts = false;
};

OptimizedGraph::OptimizedGraph(torch::jit::Module& module, bool prepack, const Release& release,
                               Arithmetic arithmetic, RowsAs rows_as)
    : impl_(std::make_unique<Impl>()) {
  const at::NoGradGuard no_grad;
  const bool as_stored = arithmetic == Arithmetic::stored;
  const HalfParameters halves = as_stored ? HalfParameters() : half_parameters(module);
  std::shared_ptr<Graph> graph = recognized_graph(module, halves);
  module = torch::jit::Module();  // the graph holds what it needs of it
  compute_in_float32(*graph, halves, release);
  if (prepack) impl_->packed_bytes = prepack_products(*graph, halves, release);
  multiply_stored_weights(*graph, halves, rows_as);
  merge_sums_and_norms(*graph);
  skip_unread_tokens(*graph);
  drop_unused(*graph);
  impl_->takes_token_counts = take_token_counts(*graph);
  count_operators(*graph->block(), impl_->operators);
  impl_->code = torch::jit::Code(graph, "forward");
  for (const IValue& constant : impl_->code.constant_table()) {
    if (constant.isTensor() && constant.toTensor().defined() && !constant.toTensor().is_mkldnn()) {
      impl_->tensors.push_back(constant.toTensor());
    }
  }
}

OptimizedGraph::OptimizedGraph(OptimizedGraph&&) noexcept = default;
OptimizedGraph& OptimizedGraph::operator=(OptimizedGraph&&) noexcept = default;
OptimizedGraph::~OptimizedGraph() = default;

at::Tensor OptimizedGraph::operator()(const at::Tensor& input,
                                      const at::Tensor& token_counts) const {
  torch::jit::Stack stack = {input};
  if (takes_token_counts()) {
    stack.push_back(token_counts.defined() ? IValue(token_counts) : IValue());
  }
  torch::jit::InterpreterState(impl_->code).run(stack);
  return stack.back().toTensor();
}

bool OptimizedGraph::takes_token_counts() const { return impl_->takes_token_counts; }
const std::map<std::string, int>& OptimizedGraph::operators() const { return impl_->operators; }
const std::vector<at::Tensor>& OptimizedGraph::tensors() const { return impl_->tensors; }
std::uint64_t OptimizedGraph::packed_bytes() const { return impl_->packed_bytes; }

}  // namespace llm2clip
