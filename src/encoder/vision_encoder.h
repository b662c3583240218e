#pragma once

#include <span>

#include "encoder/torch_module.h"

namespace llm2clip {

/// The vision tower: pixels to image embeddings.
class VisionEncoder {
 public:
  /// `image_size` and `embedding_size` are the manifest's S and D.
  VisionEncoder(TorchModule module, int image_size, std::size_t embedding_size);

  /// pixels   (B, 3, S, S) float32, row-major
  /// returns  (B, D), not normalised
  ///
  /// Throws Error(bad_model) when the network's result is not (B, D).
  at::Tensor operator()(std::span<float> pixels) const;

  const TorchModule& module() const { return module_; }
  /// The same for a tensor (B, 3, S, S) of any float type and device.
  at::Tensor operator()(const at::Tensor& pixels) const;

  PartMemory memory() const { return module_.memory(); }

 private:
  TorchModule module_;
  int image_size_;
  std::size_t embedding_size_;
};

}  // namespace llm2clip
