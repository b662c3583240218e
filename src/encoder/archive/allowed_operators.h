#pragma once

#include <span>
#include <string_view>

namespace llm2clip {

/// Whether `name` is among `names`.
bool holds(std::span<const std::string_view> names, std::string_view name);

/// Whether a model may use the operator `name`: "aten::linear", "prim::GetAttr".
///
/// The list holds arithmetic on tensors, their shapes and types, and what TorchScript itself is
/// made of. Not on it: files, printing, random numbers, devices other than an argument's, Python,
/// custom classes, threads, and whatever changes a tensor's storage.
bool is_allowed_operator(std::string_view name);

/// Whether a model's pickles may name the global `module` `name`.
bool is_allowed_global(std::string_view module, std::string_view name);

}  // namespace llm2clip
