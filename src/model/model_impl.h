#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <span>

#include "encoder/adapter.h"
#include "encoder/text_tower.h"
#include "encoder/vision_tower.h"
#include "llm2clip/model.h"
#include "model/batch_limit.h"
#include "model/manifest.h"
#include "text/batches.h"

namespace llm2clip {

/// What a Model owns. model.cpp strings the stages together; verify.cpp looks at each of them.
struct Model::Impl {
  Manifest manifest;
  std::string device;
  PrecisionChoice vision_precision;  // its strings are empty where the part is not loaded
  PrecisionChoice text_precision;
  std::string vision_optimized;
  std::string text_optimized;
  std::optional<VisionTower> vision_tower;
  std::optional<Tokenizer> tokenizer;
  std::optional<TextTower> text_tower;
  std::optional<Adapter> adapter;
  mutable std::mutex turn;
  mutable BatchLimit image_limit;  // under `turn`
  mutable BatchLimit text_limit;   // texts of a batch, under `turn`

  /// What the vision tower makes of a batch whose pixels a GPU normalizes: (B, D).
  at::Tensor encode_crops(std::span<const ImageView> images) const;
  Embeddings encode_images(std::span<const ImageView> images, const EncodeOptions& options) const;
  Embeddings encode_tokens(std::span<const Tokens> texts, const EncodeOptions& options) const;
  /// How many ids the text tower knows; it must be loaded.
  std::int64_t vocabulary_size() const;

  /// Runs the text tower over those of `texts` that `rows` names, in batches of equal length, and
  /// hands each batch's caption embeddings (B, H) float32 to `take`.
  void for_each_caption_batch(
      std::span<const Tokens> texts, const std::vector<std::size_t>& rows,
      const EncodeOptions& options,
      const std::function<void(const TokenBatch&, const at::Tensor&)>& take) const;
};

/// Gives verify.cpp the stages of a model.
struct ModelStages {
  using Impl = Model::Impl;
  static const Impl& of(const Model& model) { return *model.impl_; }
};

}  // namespace llm2clip
