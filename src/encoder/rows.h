#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include <cstdint>
#include <optional>
#include <span>

#include "encoder/torch_module.h"
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

/// How many rows go through a network at once on a CPU.
struct PartSizes {
  std::int64_t most;       ///< what passes between the layers then stays in the caches
  std::int64_t least = 1;  ///< fewer are not worth a thread of their own
};

/// module.forward, on a CPU in parts of `rows` (B, ...), each on one thread where that leaves none
/// of them idle for long.
///
/// Note [A part a thread]: threads that share a product wait for one another at its end, some
/// hundred times a pass; threads that take images of their own wait once. Measured on two cores of
/// Zen 4 with sixteen images: the demo model is 1.45 times as fast, ViT-B/16 2 % faster.
///
/// `stop` is asked after each part of the calling thread, at least once; the others then end with
/// theirs.
at::Tensor forward_in_parts(const TorchModule& module, const at::Tensor& rows, PartSizes sizes,
                            const Stop& stop = {});

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
