#pragma once

#include "encoder/torch_module.h"

namespace llm2clip {

/// The adapter: caption embeddings to text embeddings in the image space.
///
/// Note [Adapter normalises first]: the L2 norm of its input is part of the exported graph
/// (eva_clip/model.py: TextProj.forward), so captions go in as they come from mean_pool.
class Adapter {
 public:
  /// `embedding_size` is the manifest's D.
  Adapter(TorchModule module, std::size_t embedding_size);

  /// captions  (B, H) float32
  /// returns   (B, D), not normalised
  ///
  /// Throws Error(bad_model) when the network's result is not (B, D).
  at::Tensor operator()(const at::Tensor& captions) const;

  const TorchModule& module() const { return module_; }
  PartMemory memory() const { return module_.memory(); }

 private:
  TorchModule module_;
  std::size_t embedding_size_;
};

}  // namespace llm2clip
