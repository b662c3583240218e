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

  /// texts    the tokens that `batch` points into: of one length there, or of any `lengths()`
  /// returns  (tokens, H), after the final norm: the tokens of the first text of `batch`, of the
  ///          second, ...
  ///
  /// Throws Error(bad_model) when the network's result is of another shape, and as check_stop(),
  /// which is called between passes.
  at::Tensor operator()(std::span<const Tokens> texts, const TokenBatch& batch,
                        const Stop& stop = {}) const;

  /// Which texts it takes together.
  Lengths lengths() const { return module_.takes_token_counts() ? Lengths::any : Lengths::equal; }

  const TorchModule& module() const { return module_; }
  /// (B, T, H) of ids (B, T) int64 on any device.
  at::Tensor operator()(const at::Tensor& ids, const Stop& stop = {}) const;

  PartMemory memory() const { return module_.memory(); }

 private:
  at::Tensor forward_any_lengths(std::span<const Tokens> texts, const TokenBatch& batch,
                                 const Stop& stop) const;

  TorchModule module_;
  std::size_t width_;
};

}  // namespace llm2clip
