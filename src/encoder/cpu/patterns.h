#pragma once

#include <torch/csrc/jit/ir/ir.h>

#include <map>
#include <memory>
#include <string>

namespace llm2clip {

/// How often each of our operators stands in an optimized graph, by its name.
using Found = std::map<std::string, int>;

/// Replaces chains of LibTorch operators, as the exporter's towers write them, by operators of
/// ours. A chain that looks otherwise stays as it is. The graph must hold each constant once.
void replace_chains(std::shared_ptr<torch::jit::Graph>& graph);

}  // namespace llm2clip
