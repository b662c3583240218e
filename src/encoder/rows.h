#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include <cstdint>
#include <optional>
#include <span>

#include "llm2clip/embeddings.h"

namespace llm2clip {

/// How many rows of `tokens_per_row` tokens a batch must have so that each row's bits do not depend
/// on how many there are.
///
/// Note [Least rows]: for a matrix of few rows MKL's float32 product (and oneDNN's bfloat16 one for
/// a single row) takes other kernels, which sum in another order. Measured with LibTorch 2.13 on
/// Zen 5: equal bits for every number of rows from 12 on with two threads, from 4 on with one.
std::int64_t least_rows(std::int64_t tokens_per_row);

/// `rows` (B, ...) with its first row repeated until there are `count`; itself where there are
/// enough.
at::Tensor fill_up_rows(const at::Tensor& rows, std::int64_t count);

class TorchModule;

/// module.forward, on a CPU for at most `most` rows of `rows` (B, ...) at a time: what passes
/// between a network's layers then stays in the caches, and takes no fresh pages from the system.
at::Tensor forward_in_parts(const TorchModule& module, const at::Tensor& rows, std::int64_t most);

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

/// `rows` (B, N) of any float type as float32, on their device; of unit length where `normalize` is
/// set. A zero row stays zero.
at::Tensor finish_rows(const at::Tensor& rows, bool normalize);

/// (rows, dim) float32 over the memory of `embeddings`, which must outlive the tensor.
at::Tensor tensor_over(Embeddings& embeddings);

/// The same, and the tensor owns them.
at::Tensor owning_tensor(Embeddings&& embeddings);

}  // namespace llm2clip
