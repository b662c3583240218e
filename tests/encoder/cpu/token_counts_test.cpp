#include "encoder/cpu/token_counts.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/randint.h>
#include <c10/core/InferenceMode.h>
#include <torch/script.h>

#include <algorithm>
#include <string>
#include <vector>

#include "encoder/cpu/certain_threads.h"
#include "encoder/cpu/optimized_graph.h"
#include "encoder/cpu/towers.h"
#include "encoder/passes.h"
#include "support/catch.h"

using namespace llm2clip;
using namespace llm2clip::testing;

namespace {

OptimizedGraph graph_of(torch::jit::Module module, bool prepack,
                        Arithmetic arithmetic = Arithmetic::stored) {
  return {module, prepack, [](const at::Tensor&) {}, arithmetic};
}

// Each text's states among texts of other lengths, and in batches of its own length.
void check_equal_bits(const OptimizedGraph& graph) {
  const CertainThreads threads;
  const c10::InferenceMode inference;
  const std::vector<std::int64_t> lengths = {70, 69, 33, 32, 17, 9, 3, 2, 1};
  const at::Tensor counts = torch::tensor(lengths);
  const at::Tensor ids =
      at::randint(kTowerVocabulary, {1, counts.sum().item<std::int64_t>()}, at::kLong);
  const at::Tensor together = graph(ids, counts);
  std::int64_t first = 0;
  for (const std::int64_t length : lengths) {
    INFO("text of " << length << " tokens");
    const at::Tensor text = ids.narrow(1, first, length);
    const at::Tensor alone = graph(fill_up_rows(text, least_rows(length)));
    CHECK(at::equal(alone[0], together[0].narrow(0, first, length)));
    first += length;
  }
}

std::string with(const std::string& source, const std::string& from, const std::string& to) {
  std::string changed = source;
  const auto place = changed.find(from);
  REQUIRE(place != std::string::npos);
  return changed.replace(place, from.size(), to);
}

}  // namespace

TEST_CASE("a text's states have the same bits among texts of other lengths",
          "[encoder][token_counts]") {
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    for (const bool prepack : {false, true}) {
      INFO(type << (prepack ? " prepacked" : " in place"));
      const OptimizedGraph llama = graph_of(llama_tower(type), prepack);
      REQUIRE(llama.takes_token_counts());
      check_equal_bits(llama);
    }
  }
  const OptimizedGraph widened = graph_of(llama_tower(at::kBFloat16), true, Arithmetic::float32);
  REQUIRE(widened.takes_token_counts());
  check_equal_bits(widened);
}

TEST_CASE("a graph takes no token counts where texts could meet", "[encoder][token_counts]") {
  const std::string source = llama_source();
  const auto takes = [&](const std::string& from, const std::string& to) {
    return graph_of(llama_tower_of(at::kFloat, with(source, from, to)), true).takes_token_counts();
  };
  CHECK(takes("return self.norm(x)", "return self.norm(x)"));
  INFO("attention of another kind");
  CHECK_FALSE(takes("None, 0.0, False)", "None, 0.0, True)"));
  INFO("a mean over tokens");
  CHECK_FALSE(takes("return self.norm(x)", "return self.norm(x) - x.mean([1], True)"));
  INFO("positions counted from the end");
  CHECK_FALSE(
      takes("torch.arange(ids.size(1), dtype=6)", "torch.arange(ids.size(1), dtype=6).flip([0])"));
  INFO("neighbors side by side");
  CHECK_FALSE(takes("y = self.norm(x)\n    q",
                    "x = x.view(x.size(0), x.size(1) // 2, -1).view(x.size(0), -1, 64)\n"
                    "    y = self.norm(x)\n    q"));
  INFO("ids that are looked at otherwise");
  CHECK_FALSE(takes("return self.norm(x)", "return self.norm(x) * ids.unsqueeze(2)"));
  INFO("images");
  CHECK_FALSE(graph_of(openai_tower(at::kFloat), true).takes_token_counts());
  INFO("no attention");
  CHECK_FALSE(graph_of(unknown_tower(at::kFloat), true).takes_token_counts());
}
