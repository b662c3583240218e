#pragma once

#include <span>

#include "encoder/torch_module.h"
#include "llm2clip/tokenizer.h"
#include "text/batches.h"

namespace llm2clip {

/// The text tower: token ids to hidden states, bidirectional.
class TextTower {
 public:
  /// `width` is the manifest's H.
  TextTower(TorchModule module, std::size_t width);

  /// texts    the tokens that `batch` points into, all of length T there
  /// returns  (B, T, H), after the final norm
  ///
  /// Throws Error(bad_model) when the network's result is not (B, T, H), and as check_stop(), which
  /// is called between passes.
  at::Tensor operator()(std::span<const Tokens> texts, const TokenBatch& batch,
                        const Stop& stop = {}) const;

  const TorchModule& module() const { return module_; }
  /// The same for ids (B, T) int64 on any device.
  at::Tensor operator()(const at::Tensor& ids, const Stop& stop = {}) const;

  PartMemory memory() const { return module_.memory(); }

 private:
  TorchModule module_;
  std::size_t width_;
};

}  // namespace llm2clip
