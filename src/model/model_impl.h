#pragma once

#include <cstdint>
#include <functional>
#include <memory>
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
  std::optional<LoadedPart> vision, text, adapter_part;  // without what they occupy now
  std::optional<VisionTower> vision_tower;
  std::optional<Tokenizer> tokenizer;
  std::optional<TextTower> text_tower;
  std::optional<Adapter> adapter;
  /// Around the network, and around nothing that comes before it.
  mutable std::mutex turn;
  mutable BatchLimit image_limit;
  mutable BatchLimit text_limit;  // texts of a batch

  /// As require_vision and require_text (model_parts.h).
  void require_vision() const;
  void require_text(bool with_adapter) const;

  /// Puts what the network sees of an image, (S, S, 3) uint8.
  using PutCrop = std::function<void(std::size_t image, std::span<std::uint8_t> crop)>;

  /// Of `count` images: (B, S, S, 3) uint8, to be sent to the device.
  at::Tensor crops_of(const PutCrop& put_crop, std::size_t first, std::size_t count) const;
  /// What the tower takes of `count` images: (B, S, S, 3) uint8 or (B, 3, S, S) float32. It is done
  /// with it when the next are asked for.
  using Prepare = std::function<at::Tensor(std::size_t first, std::size_t count)>;
  /// (images, D)
  Embeddings encode_vision(std::size_t images, const Prepare& prepare,
                           const EncodeOptions& options) const;
  Embeddings encode_put_crops(std::size_t images, const PutCrop& put_crop,
                              const EncodeOptions& options) const;
  Embeddings encode_images(Images images, const EncodeOptions& options) const;
  Embeddings encode_crops(std::span<const std::uint8_t> crops, const EncodeOptions& options) const;
  Embeddings encode_pixels(std::span<const float> pixels, const EncodeOptions& options) const;

  /// What the text part makes of the texts of one batch: (B, D), or (B, H) without adapter.
  at::Tensor encode_batch(std::span<const Tokens> texts, const TokenBatch& batch,
                          const EncodeOptions& options) const;
  Embeddings encode_tokens(std::span<const Tokens> texts, const EncodeOptions& options) const;
  /// How many ids the text tower knows; it must be loaded.
  std::int64_t vocabulary_size() const;
};

/// Gives verify.cpp the stages of a model.
struct ModelStages {
  using Impl = Model::Impl;
  static const Impl& of(const Model& model) { return *model.impl_; }
  static std::shared_ptr<const Impl> share(const Model& model) { return model.impl_; }
};

}  // namespace llm2clip
