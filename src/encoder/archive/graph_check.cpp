#include "encoder/archive/graph_check.h"

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <string>
#include <unordered_set>

#include "encoder/archive/allowed_operators.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

void check_block(const torch::jit::Block& block, const std::filesystem::path& path) {
  for (const torch::jit::Node* node : block.nodes()) {
    const std::string name = node->kind().toQualString();
    if (!is_allowed_operator(name)) {
      throw Error(ErrorKind::bad_model,
                  path.string() + ": its graph runs " + name +
                      ", which no model of llm2clip-export does; see SECURITY.md, and set "
                      "trust_model only for a file that you would run as a program");
    }
    for (const torch::jit::Block* inner : node->blocks()) check_block(*inner, path);
  }
}

bool writes_to_tensors(const torch::jit::Block& block) {
  for (const torch::jit::Node* node : block.nodes()) {
    const c10::FunctionSchema* schema = node->maybeSchema();
    if (schema && schema->is_mutable()) return true;
    for (const torch::jit::Block* inner : node->blocks()) {
      if (writes_to_tensors(*inner)) return true;
    }
  }
  return false;
}

// The graph of each method, with what it calls in it.
template <typename Visit>
void for_each_graph(const torch::jit::Module& module, const Visit& visit) {
  std::unordered_set<const torch::jit::Function*> seen;  // layers of one class share their methods
  for (const torch::jit::Module& part : module.modules()) {
    for (const torch::jit::Method& method : part.get_methods()) {
      if (!seen.insert(&method.function()).second) continue;
      const auto graph = method.graph()->copy();
      torch::jit::Inline(*graph);
      visit(*graph->block());
    }
  }
}

}  // namespace

void check_graphs(const torch::jit::Module& module, const std::filesystem::path& path) {
  for_each_graph(module, [&](const torch::jit::Block& block) { check_block(block, path); });
}

bool writes_to_tensors(const torch::jit::Module& module) {
  bool writes = false;
  for_each_graph(
      module, [&](const torch::jit::Block& block) { writes = writes || writes_to_tensors(block); });
  return writes;
}

}  // namespace llm2clip
