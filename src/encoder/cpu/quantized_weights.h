#pragma once

#include <torch/csrc/jit/ir/ir.h>

#include <optional>

#include "encoder/cpu/stored_product.h"

namespace llm2clip {

/// The weight of 8 or 4 bits that the program widens for `linear`, an aten::linear, by the chains
/// of docs/model_format.md ("Weights of 8 and 4 bits"); empty where it is none or they look
/// otherwise.
std::optional<StoredWeight> quantized_weight(const torch::jit::Node* linear);

}  // namespace llm2clip
