#pragma once

#include "encoder/torch_module.h"

namespace llm2clip {

/// The adapter: caption embeddings to text embeddings in the image space.
///
/// Note [Adapter normalizes first]: the L2 norm of its input is part of the exported graph
/// (eva_clip/model.py: TextProj.forward), so captions go in as they come from mean_pool.
class Adapter {
 public:
  /// `dim` is the manifest's D.
  Adapter(TorchModule module, std::size_t dim);

  /// captions  (B, H) float32
  /// returns   (B, D), not normalized
  ///
  /// Throws Error(bad_model) when the network's result is not (B, D).
  at::Tensor operator()(const at::Tensor& captions) const;

  const TorchModule& module() const { return module_; }
  PartMemory memory() const { return module_.memory(); }

 private:
  TorchModule module_;
  std::size_t dim_;
};

}  // namespace llm2clip
