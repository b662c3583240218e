#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "llm2clip/model.h"
#include "support/scratch.h"

namespace llm2clip::testing {

inline constexpr int kTinyImageSize = 8;   // S
inline constexpr int kTinyTextWidth = 64;  // H
inline constexpr int kTinyDim = 96;        // D

/// Writes a complete model directory: real TorchScript with random weights, a byte-level
/// tokenizer, a manifest with true hashes. Some weights are large enough to be bound to the
/// mapping, some are not. Loads through the same code as a published model.
void write_tiny_model(const std::filesystem::path& directory);

/// Such a directory, and the model in it.
struct TinyModel {
  Scratch folder;
  Model model;

  explicit TinyModel(const LoadOptions& options = {.device = "cpu"})
      : model((write_tiny_model(folder.path()), Model::load(folder.path(), options))) {}
};

/// Changes the manifest and writes it back.
void edit_manifest(const std::filesystem::path& directory,
                   const std::function<void(nlohmann::json&)>& edit);

/// What torch::jit::load (which copies, and binds nothing) and one forward make of `input`: the
/// first tensor of the result, for `vision.pt` on ones.
std::vector<float> plain_vision_forward(const std::filesystem::path& file);

/// A TorchScript file whose weights stand in a list, out of reach of parameters and buffers.
void write_module_with_weights_in_a_list(const std::filesystem::path& file);

}  // namespace llm2clip::testing
