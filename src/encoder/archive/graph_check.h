#pragma once

#include <filesystem>

namespace torch::jit {
struct Module;
}

namespace llm2clip {

/// Walks over everything that the methods of a loaded module could run, before any of it has:
/// blocks, functions and methods that they call. See note [A model is held to a list].
/// Throws Error(bad_model) for an operator that is not allowed.
void check_graphs(const torch::jit::Module& module, const std::filesystem::path& path);

/// Whether a method of the module, or what it calls, has an operator that writes to a tensor.
bool writes_to_tensors(const torch::jit::Module& module);

}  // namespace llm2clip
