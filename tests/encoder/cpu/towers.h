#pragma once

#include <torch/script.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace llm2clip::testing {

// Small towers as the exporter writes them, in TorchScript, with random weights of `type`.

inline constexpr std::int64_t kWidth = 64, kHeads = 2, kMlp = 96, kTowerVocabulary = 50;

/// A module with parameters of these names and shapes, converted to `type`, and that source.
torch::jit::Module define_module(
    const std::vector<std::pair<std::string, std::vector<std::int64_t>>>& shapes,
    at::ScalarType type, const std::string& forward);

/// A layer of towers/openai_vit.py behind its convolution, the class token's row alone being read.
torch::jit::Module openai_tower(at::ScalarType type);

/// towers/siglip2_vit.py: one product for q, k and v as exported, exact GELU, all rows are read.
torch::jit::Module siglip_tower(at::ScalarType type);

/// towers/bidirectional_llama.py: two query heads share one of keys and values.
torch::jit::Module llama_tower(at::ScalarType type);
/// The source of it, to be changed.
std::string llama_source();
torch::jit::Module llama_tower_of(at::ScalarType type, const std::string& source);

/// What the exporter writes of 8 and 4 bits (docs/model_format.md), `type` being that of the
/// parameters and `flat` what the first weight is viewed as in the end.
torch::jit::Module quantized_tower(at::ScalarType type, const std::string& flat = "[96, 64]");

/// Nothing in it is known but a product, and that has no constant weight.
torch::jit::Module unknown_tower(at::ScalarType type);

}  // namespace llm2clip::testing
