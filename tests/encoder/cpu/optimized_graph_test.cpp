#include "encoder/cpu/optimized_graph.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/randint.h>
#include <c10/core/InferenceMode.h>
#include <torch/script.h>

#include <algorithm>
#include <functional>

#include "encoder/cpu/processor.h"
#include "encoder/cpu/towers.h"
#include "encoder/torch_module.h"
#include "support/catch.h"
#include "support/tiny_model.h"

using namespace llm2clip;
using namespace llm2clip::testing;

namespace {

using Counts = std::map<std::string, int>;

at::Tensor run(const torch::jit::Module& module, const at::Tensor& input) {
  const c10::InferenceMode inference;
  torch::jit::Module copy = module;
  return copy.forward({input}).toTensor();
}

at::Tensor run(const OptimizedGraph& graph, const at::Tensor& input) {
  const c10::InferenceMode inference;
  return graph(input);
}

// The caller's module stays: another holds the same tensors.
OptimizedGraph optimized(const torch::jit::Module& module, bool prepack) {
  torch::jit::Module same = module;
  return {same, prepack, [](const at::Tensor&) {}};
}

// 1 - cosine, the mean of all rows.
double angle(const at::Tensor& a, const at::Tensor& b) {
  const auto rows = [](const at::Tensor& x) { return x.to(at::kDouble).flatten(0, -2); };
  return 1 - at::cosine_similarity(rows(a), rows(b), 1).mean().item<double>();
}

// float32 is within 2e-6 of the largest value. bfloat16 is no farther from the same weights in
// float32 than the exported program is; rounding is luck, so a tenth is allowed.
void check_same_result(const std::function<torch::jit::Module(at::ScalarType)>& tower,
                       at::ScalarType type, const at::Tensor& input, bool prepack) {
  const torch::jit::Module module = tower(type);
  const at::Tensor plain = run(module, input);
  const at::Tensor ours = run(optimized(module, prepack), input);
  REQUIRE(ours.sizes() == plain.sizes());
  REQUIRE(ours.scalar_type() == type);
  if (type == at::kFloat) {
    CHECK((plain - ours).abs().max().item<double>() <= 2e-6 * plain.abs().max().item<double>());
    return;
  }
  torch::jit::Module exact = module.deepcopy();
  exact.to(at::kFloat);
  const at::Tensor expected = run(exact, input);
  CHECK(angle(ours, expected) <= 1.1 * angle(plain, expected));
  CHECK(angle(ours, plain) <= 5e-4);
}

at::Tensor pixels() { return torch::randn({64, 3, 12, 12}); }
at::Tensor ids() { return at::randint(50, {3, 21}, at::kLong); }

}  // namespace

TEST_CASE("the operators of each tower are found", "[encoder][optimize]") {
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    INFO(type);
    Counts openai = {{"add_layer_norm", 2}, {"attention", 1}, {"layer_norm", 1}};
    Counts siglip = {{"add_layer_norm", 1}, {"attention", 1}, {"layer_norm", 1}};
    Counts llama = {{"add_rms_norm", 2},  {"attention", 1}, {"rms_norm", 1},
                    {"rotate_halves", 2}, {"silu_mul", 1},  {"text_positions", 1}};
    Counts in_place = llama;
    if (multiplies_in_place(type)) in_place["stored_product"] = 7;
    CHECK(optimized(llama_tower(type), false).operators() == in_place);
    if (can_prepack(type)) {
      openai.insert({{"patches", 1}, {"product", 6}});
      siglip["product"] = 4;
      llama["product"] = 4;
    } else if (multiplies_in_place(type)) {
      openai.insert({{"patches", 1}, {"stored_product", 8}});
      siglip["stored_product"] = 4;
      llama["stored_product"] = 7;
    } else {
      WARN("this processor has no products of " << type << " of ours: LibTorch's stay");
      openai["quick_gelu"] = 1;
    }
    CHECK(optimized(openai_tower(type), true).operators() == openai);
    CHECK(optimized(siglip_tower(type), true).operators() == siglip);
    CHECK(optimized(llama_tower(type), true).operators() == llama);
  }
}

TEST_CASE("where products of a type cannot be prepacked the rest is optimized all the same",
          "[encoder][optimize]") {
  // No processor prepacks these; on some bfloat16 is such a type, too.
  const torch::jit::Module module = llama_tower(at::kHalf);
  const OptimizedGraph graph = optimized(module, true);
  CHECK(graph.packed_bytes() == 0);
  CHECK(graph.operators() == Counts{{"add_rms_norm", 2},
                                    {"attention", 1},
                                    {"rms_norm", 1},
                                    {"rotate_halves", 2},
                                    {"silu_mul", 1},
                                    {"text_positions", 1}});
  torch::jit::Module exact = module.deepcopy();
  exact.to(at::kFloat);
  const at::Tensor input = ids();
  CHECK(angle(run(graph, input), run(exact, input)) < 1e-5);
}

TEST_CASE("an optimized tower gives what the exported one gives", "[encoder][optimize]") {
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    for (const bool prepack : {false, true}) {
      INFO(type << (prepack ? " prepacked" : " in place"));
      check_same_result(openai_tower, type, pixels(), prepack);
      check_same_result(siglip_tower, type, ids(), prepack);
      check_same_result(llama_tower, type, ids(), prepack);
    }
  }
}

TEST_CASE("weights of 16 bits compute in float32 where they lie", "[encoder][optimize]") {
  using Tower = torch::jit::Module (*)(at::ScalarType);
  const std::vector<std::pair<Tower, at::Tensor>> towers = {
      {openai_tower, pixels()}, {siglip_tower, ids()}, {llama_tower, ids()}};
  for (const auto type : {at::kBFloat16, at::kHalf}) {
    for (const auto& [tower, input] : towers) {
      INFO(type);
      const torch::jit::Module module = tower(type);
      torch::jit::Module same = module;
      const OptimizedGraph graph(same, true, [](const at::Tensor&) {}, Arithmetic::float32);
      torch::jit::Module exact = module.deepcopy();
      exact.to(at::kFloat);
      const at::Tensor expected = run(exact, input), ours = run(graph, input);
      REQUIRE(ours.scalar_type() == at::kFloat);
      const double largest = expected.abs().max().item<double>();
      CHECK((expected - ours).abs().max().item<double>() <= 2e-6 * largest);
    }
  }
}

TEST_CASE("only what no product reads is copied for computing in float32", "[encoder][optimize]") {
  torch::jit::Module module = llama_tower(at::kBFloat16);
  const void* embedding = module.attr("embed").toTensor().const_data_ptr();
  const void* gate = module.attr("gate").toTensor().const_data_ptr();
  std::vector<at::ScalarType> released;
  const OptimizedGraph graph(
      module, true, [&](const at::Tensor& copied) { released.push_back(copied.scalar_type()); },
      Arithmetic::float32);
  CHECK(released == std::vector<at::ScalarType>{at::kBFloat16});  // the norms' weight
  CHECK(graph.packed_bytes() == 0);
  CHECK(graph.operators().at("stored_product") == 7);
  const auto holds = [&](const void* data) {
    return std::any_of(graph.tensors().begin(), graph.tensors().end(),
                       [&](const at::Tensor& tensor) { return tensor.const_data_ptr() == data; });
  };
  CHECK(holds(embedding));
  CHECK(holds(gate));
}

TEST_CASE("weights of 8 and 4 bits are multiplied where they lie", "[encoder][optimize]") {
  const at::Tensor input = ids();
  const at::Tensor expected = run(quantized_tower(at::kFloat), input);
  const double largest = expected.abs().max().item<double>();
  for (const bool prepack : {false, true}) {
    const OptimizedGraph graph = optimized(quantized_tower(at::kFloat), prepack);
    CHECK(graph.operators() == Counts{{"stored_product", 2}});
    CHECK(graph.packed_bytes() == 0);
    CHECK((run(graph, input) - expected).abs().max().item<double>() <= 2e-6 * largest);
  }
  const torch::jit::Module half = quantized_tower(at::kBFloat16);
  const OptimizedGraph in_half = optimized(half, true);
  CHECK(in_half.operators() == Counts{{"stored_product", 2}});
  CHECK(run(in_half, input).scalar_type() == at::kBFloat16);
  CHECK(angle(run(in_half, input), expected) <= 1.1 * angle(run(half, input), expected));
  torch::jit::Module same = half;
  const OptimizedGraph wide(same, true, [](const at::Tensor&) {}, Arithmetic::float32);
  CHECK((run(wide, input) - expected).abs().max().item<double>() <= 2e-6 * largest);
}

TEST_CASE("a chain that only resembles a weight of 8 bits stays as it is", "[encoder][optimize]") {
  const torch::jit::Module module = quantized_tower(at::kFloat, "[-1, 64]");
  const OptimizedGraph graph = optimized(module, false);
  CHECK(graph.operators().at("stored_product") == 1);
  const at::Tensor input = ids();
  CHECK(at::allclose(run(graph, input), run(module, input), 1e-4, 1e-5));
}

TEST_CASE("a program without known operators runs as it was", "[encoder][optimize]") {
  const torch::jit::Module module = unknown_tower(at::kFloat);
  const OptimizedGraph graph = optimized(module, true);
  CHECK(graph.operators().empty());
  CHECK(graph.packed_bytes() == 0);
  const at::Tensor input = ids();
  CHECK(at::equal(run(graph, input), run(module, input)));
}

TEST_CASE("a text's bits do not depend on how many are with it", "[encoder][optimize]") {
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    const OptimizedGraph graph = optimized(llama_tower(type), true);
    const at::Tensor texts = at::randint(50, {40, 16}, at::kLong);
    const at::Tensor together = run(graph, texts);
    for (std::int64_t count = 1; count < 40; ++count) {
      CHECK(at::equal(run(graph, texts.narrow(0, 0, count)), together.narrow(0, 0, count)));
    }
  }
}

TEST_CASE("each weight that was copied is released once", "[encoder][optimize]") {
  torch::jit::Module module = llama_tower(at::kFloat);
  int released = 0;
  const OptimizedGraph graph(module, true, [&](const at::Tensor&) { ++released; });
  CHECK(released == (can_prepack(at::kFloat) ? 7 : 0));
  CHECK(graph.packed_bytes() ==
        (can_prepack(at::kFloat) ? 4u : 0u) *
            (2 * kWidth * kWidth + 2 * kWidth * kWidth / kHeads + 3 * kWidth * kMlp));
}

TEST_CASE("a weight's memory is free when the next one is copied", "[encoder][optimize]") {
  if (!can_prepack(at::kFloat)) {
    WARN("skipped: this processor has no products of float32 to prepack for");
    return;
  }
  torch::jit::Module module = llama_tower(at::kFloat);
  std::vector<c10::weak_intrusive_ptr<c10::StorageImpl>> storages;
  for (const char* name : {"q", "gate", "down"}) {
    storages.emplace_back(module.attr(name).toTensor().storage().getWeakStorageImpl());
  }
  std::vector<std::size_t> held;
  const OptimizedGraph graph(module, true, [&](const at::Tensor&) {
    held.push_back(static_cast<std::size_t>(std::count_if(
        storages.begin(), storages.end(), [](const auto& storage) { return !storage.expired(); })));
  });
  // Released in the order of the graph: q, k and v, then out, gate and up, down.
  CHECK(held == std::vector<std::size_t>{3, 3, 3, 2, 2, 2, 1});
  CHECK(std::all_of(storages.begin(), storages.end(),
                    [](const auto& storage) { return storage.expired(); }));
}

TEST_CASE("a module is optimized when asked, keeps its weights' shapes, and can stay as it is",
          "[encoder][optimize]") {
  const Scratch folder;
  const auto file = folder.path() / "tower.pt";
  llama_tower(at::kFloat).save(file.string());
  const TorchModule plain = TorchModule::load(file, "cpu", "");
  CHECK(plain.optimized_operators().empty());
  const TorchModule packed = TorchModule::load(file, "cpu", "", Optimized::prepacked);
  CHECK(packed.optimized_operators().count("product") == (can_prepack(at::kFloat) ? 1 : 0));
  CHECK(packed.optimized().how ==
        (can_prepack(at::kFloat) ? Optimized::prepacked : Optimized::in_place));
  CHECK(packed.weight_shape("gate") == std::vector<std::int64_t>{kMlp, kWidth});
  CHECK(packed.weight_shape("gate.weight").empty());
  const at::Tensor input = ids();
  CHECK((plain.forward(input) - packed.forward(input)).abs().max().item<float>() < 1e-4f);
}

TEST_CASE("a precision is optimized like a stored one", "[encoder][optimize]") {
  const Scratch folder;
  const auto file = folder.path() / "tower.pt";
  llama_tower(at::kFloat).save(file.string());
  const TorchModule packed = TorchModule::load(file, "cpu", "bfloat16", Optimized::prepacked);
  CHECK(packed.optimized_operators().at("attention") == 1);
  const bool prepacks = can_prepack(at::kBFloat16);
  CHECK(packed.optimized_operators().count("product") == (prepacks ? 1 : 0));
  CHECK(packed.optimized().how == (prepacks ? Optimized::prepacked : Optimized::in_place));
  CHECK(packed.optimized().why == (prepacks ? ""
                                   : multiplies_in_place(at::kBFloat16)
                                       ? "products read the weights where they lie"
                                       : "no products that this processor prepacks"));
  CHECK(packed.forward(ids()).scalar_type() == at::kBFloat16);
}

TEST_CASE("a program that cannot be one graph says that it was not optimized, and runs",
          "[encoder][optimize]") {
  const Scratch folder;
  const auto file = folder.path() / "tower.pt";
  torch::jit::Module module = define_module({{"weight", {4, 4}}}, at::kFloat, R"(
def forward(self, x):
    self.count += 1
    return torch.linear(x, self.weight, None)
)");
  module.save(file.string());
  const TorchModule plain =
      TorchModule::load(file, "cpu", "", Optimized::prepacked, /*trusted=*/true);
  CHECK(plain.optimized().how == Optimized::none);
  CHECK(plain.optimized().why ==
        "cannot be optimized: the program writes or calls what it was loaded with");
  CHECK(plain.forward(at::ones({2, 4})).sizes() == at::IntArrayRef({2, 4}));
  // It is converted all the same.
  const TorchModule half =
      TorchModule::load(file, "cpu", "bfloat16", Optimized::prepacked, /*trusted=*/true);
  CHECK(half.forward(at::ones({2, 4}, at::kBFloat16)).scalar_type() == at::kBFloat16);
}

TEST_CASE("a stored bfloat16 program that cannot be one graph is converted to float32",
          "[encoder][optimize]") {
  const Scratch folder;
  const auto file = folder.path() / "tower.pt";
  define_module({{"weight", {4, 4}}}, at::kBFloat16, R"(
def forward(self, x):
    self.count += 1
    return torch.linear(x, self.weight, None)
)")
      .save(file.string());
  const TorchModule module =
      TorchModule::load(file, "cpu", "float32", Optimized::prepacked, /*trusted=*/true);
  CHECK(module.forward(at::ones({2, 4})).scalar_type() == at::kFloat);
}
