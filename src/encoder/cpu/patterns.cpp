#include "encoder/cpu/patterns.h"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/subgraph_matcher.h>
#include <torch/csrc/jit/passes/subgraph_rewrite.h>

#include <vector>

namespace llm2clip {
namespace {

using torch::jit::IValue;

// A chain and what takes its place, in TorchScript's intermediate representation, and the values
// that some of its inputs must have. Constants are inputs: they are shared with other chains.
struct Pattern {
  const char* chain;
  const char* replacement;
  std::vector<std::pair<std::string, IValue>> constants;
};

// Straight line: a table.
const std::vector<Pattern>& patterns() {
  static const std::vector<Pattern> all = {
      // towers/openai_vit.py: QuickGELU
      {R"(graph(%x, %speed):
            %scaled = aten::mul(%x, %speed)
            %gate = aten::sigmoid(%scaled)
            %y = aten::mul(%x, %gate)
            return (%y))",
       R"(graph(%x, %speed):
            %y = llm2clip::quick_gelu(%x)
            return (%y))",
       {{"speed", 1.702}}},

      // towers/bidirectional_llama.py and eva02_vit.py: GatedMLP
      {R"(graph(%gate, %up):
            %open = aten::silu(%gate)
            %y = aten::mul(%open, %up)
            return (%y))",
       R"(graph(%gate, %up):
            %y = llm2clip::silu_mul(%gate, %up)
            return (%y))",
       {}},

      // towers/bidirectional_llama.py: RMSNorm
      {R"(graph(%x, %weight, %eps, %float, %dtype, %axes, %one, %yes, %no, %none):
            %wide = aten::to(%x, %float, %no, %no, %none)
            %squares = aten::square(%wide)
            %mean = aten::mean(%squares, %axes, %yes, %none)
            %shifted = aten::add(%mean, %eps, %one)
            %factor = aten::rsqrt(%shifted)
            %scaled = aten::mul(%wide, %factor)
            %narrow = aten::to(%scaled, %dtype, %no, %no, %none)
            %y = aten::mul(%weight, %narrow)
            return (%y))",
       R"(graph(%x, %weight, %eps, %float, %dtype, %axes, %one, %yes, %no, %none):
            %y = llm2clip::rms_norm(%x, %weight, %eps)
            return (%y))",
       {{"float", 6}, {"axes", std::vector<std::int64_t>{-1}}, {"one", 1}, {"yes", true}}},

      // All towers: nn.LayerNorm
      {R"(graph(%x, %shape, %weight, %bias, %eps, %enable):
            %y = aten::layer_norm(%x, %shape, %weight, %bias, %eps, %enable)
            return (%y))",
       R"(graph(%x, %shape, %weight, %bias, %eps, %enable):
            %y = llm2clip::layer_norm(%x, %weight, %bias, %eps)
            return (%y))",
       {}},

      // towers/eva02_vit.py: GatedMLP
      {R"(graph(%gate, %up, %weight, %bias, %eps):
            %product = llm2clip::silu_mul(%gate, %up)
            %y = llm2clip::layer_norm(%product, %weight, %bias, %eps)
            return (%y))",
       R"(graph(%gate, %up, %weight, %bias, %eps):
            %y = llm2clip::silu_mul_layer_norm(%gate, %up, %weight, %bias, %eps)
            return (%y))",
       {}},

      // towers/bidirectional_llama.py: rotate
      {R"(graph(%x, %cos, %sin, %one, %two, %last):
            %halves = aten::chunk(%x, %two, %last)
            %first : Tensor, %second : Tensor = prim::ListUnpack(%halves)
            %first_cos = aten::mul(%first, %cos)
            %second_sin = aten::mul(%second, %sin)
            %turned_first = aten::sub(%first_cos, %second_sin, %one)
            %second_cos = aten::mul(%second, %cos)
            %first_sin = aten::mul(%first, %sin)
            %turned_second = aten::add(%second_cos, %first_sin, %one)
            %turned : Tensor[] = prim::ListConstruct(%turned_first, %turned_second)
            %y = aten::cat(%turned, %last)
            return (%y))",
       R"(graph(%x, %cos, %sin, %one, %two, %last):
            %y = llm2clip::rotate_halves(%x, %cos, %sin)
            return (%y))",
       {{"one", 1}, {"two", 2}, {"last", -1}}},

      // towers/eva02_vit.py: Attention.rotate_patches
      {R"(graph(%x, %cos, %sin, %zero, %one, %two, %last, %before, %pair, %none):
            %rows = aten::slice(%x, %zero, %none, %none, %one)
            %heads = aten::slice(%rows, %one, %none, %none, %one)
            %first_token = aten::slice(%heads, %two, %none, %one, %one)
            %patches = aten::slice(%heads, %two, %one, %none, %one)
            %pairs = aten::unflatten(%patches, %last, %pair)
            %parts : Tensor[] = aten::unbind(%pairs, %last)
            %first : Tensor, %second : Tensor = prim::ListUnpack(%parts)
            %first_cos = aten::mul(%first, %cos)
            %second_sin = aten::mul(%second, %sin)
            %turned_first = aten::sub(%first_cos, %second_sin, %one)
            %second_cos = aten::mul(%second, %cos)
            %first_sin = aten::mul(%first, %sin)
            %turned_second = aten::add(%second_cos, %first_sin, %one)
            %turned : Tensor[] = prim::ListConstruct(%turned_first, %turned_second)
            %stacked = aten::stack(%turned, %last)
            %flat = aten::flatten(%stacked, %before, %last)
            %tokens : Tensor[] = prim::ListConstruct(%first_token, %flat)
            %y = aten::cat(%tokens, %two)
            return (%y))",
       R"(graph(%x, %cos, %sin, %zero, %one, %two, %last, %before, %pair, %none):
            %y = llm2clip::rotate_neighbors(%x, %cos, %sin)
            return (%y))",
       {{"zero", 0},
        {"one", 1},
        {"two", 2},
        {"last", -1},
        {"before", -2},
        {"pair", std::vector<std::int64_t>{-1, 2}}}},

      // All towers: Attention
      {R"(graph(%query, %key, %value, %mask, %dropout, %causal, %scale, %grouped, %one, %two, %last):
            %heads = aten::scaled_dot_product_attention(%query, %key, %value, %mask, %dropout, %causal, %scale, %grouped)
            %tokens = aten::transpose(%heads, %one, %two)
            %y = aten::flatten(%tokens, %two, %last)
            return (%y))",
       R"(graph(%query, %key, %value, %mask, %dropout, %causal, %scale, %grouped, %one, %two, %last):
            %y = llm2clip::attention(%query, %key, %value, %scale, %mask)
            return (%y))",
       {{"mask", {}}, {"dropout", 0.0}, {"causal", false}, {"one", 1}, {"two", 2}, {"last", -1}}},

      // towers/bidirectional_llama.py: Attention.share_with_queries. Our attention shares them
      // itself.
      {R"(graph(%query, %key, %value, %scale, %all, %one, %two, %shares, %no):
            %keys1 = aten::unsqueeze(%key, %two)
            %keys2 = aten::expand(%keys1, %shares, %no)
            %keys = aten::flatten(%keys2, %one, %two)
            %values1 = aten::unsqueeze(%value, %two)
            %values2 = aten::expand(%values1, %shares, %no)
            %values = aten::flatten(%values2, %one, %two)
            %y = llm2clip::attention(%query, %keys, %values, %scale, %all)
            return (%y))",
       R"(graph(%query, %key, %value, %scale, %all, %one, %two, %shares, %no):
            %y = llm2clip::attention(%query, %key, %value, %scale, %all)
            return (%y))",
       {{"one", 1}, {"two", 2}}},
  };
  return all;
}

bool has_constants(const Pattern& pattern, const torch::jit::Match& match,
                   const std::unordered_map<std::string, torch::jit::Value*>& names) {
  for (const auto& [name, expected] : pattern.constants) {
    const auto value = torch::jit::toIValue(match.values_map.at(names.at(name)));
    if (!value || *value != expected) return false;
  }
  return true;
}

}  // namespace

void replace_chains(std::shared_ptr<torch::jit::Graph>& graph) {
  for (const Pattern& pattern : patterns()) {
    torch::jit::SubgraphRewriter optimizer;
    optimizer.RegisterRewritePattern(pattern.chain, pattern.replacement);
    optimizer.runOnGraph(graph, [&](const auto& match, const auto& names) {
      return has_constants(pattern, match, names);
    });
  }
}

}  // namespace llm2clip
