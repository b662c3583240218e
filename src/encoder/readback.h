#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include <optional>
#include <span>

namespace llm2clip {

/// Rows on their way from the device: the one readback of a batch, and the only place where the
/// host waits. Note [Two streams] (encoder/upload.h).
class Readback {
 public:
  /// rows  (B, N) of any float type and device. On a GPU the copy is queued behind what makes them.
  explicit Readback(const at::Tensor& rows);

  /// Writes them to `out`, row-major float32, when they are there.
  void finish(std::span<float> out) const;

 private:
  at::Tensor rows_;  // (B, N); on a GPU its float32 copy in pinned memory
  std::optional<c10::Event> copied_;
};

/// Readback and its finish at once, for a tensor of any shape.
void copy_to_host(const at::Tensor& tensor, std::span<float> out);

}  // namespace llm2clip
