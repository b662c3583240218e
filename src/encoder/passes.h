#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "encoder/torch_module.h"

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

/// What goes through a network at once: as the arguments of TorchModule::forward.
struct Pass {
  at::Tensor rows;
  at::Tensor token_counts = {};
};

/// module.forward of each, on so many threads at once where there are more than one. `stop` is
/// asked after each pass of the calling thread, at least once; the others then end with theirs.
std::vector<at::Tensor> forward_each(const TorchModule& module, const std::vector<Pass>& passes,
                                     std::int64_t threads, const Stop& stop);

/// Whether threads that take `parts` of `all` rows or tokens, `largest` in the largest, wait little
/// enough for one another: an eighth of the work at the most.
bool wait_briefly(std::int64_t parts, std::int64_t largest, std::int64_t all);

/// How many rows go through a network at once on a CPU.
struct PassSizes {
  std::int64_t most;       ///< what passes between the layers then stays in the caches
  std::int64_t least = 1;  ///< fewer are not worth a thread of their own
};

/// module.forward, on a CPU in passes of `rows` (B, ...), each on one thread where that leaves none
/// of them idle for long.
///
/// Note [A pass a thread]: threads that share a product wait for one another at its end, some
/// hundred times a pass; threads that take images of their own wait once. Measured on two cores of
/// Zen 4 with sixteen images: the demo model is 1.45 times as fast, ViT-B/16 2 % faster.
///
/// `stop` as forward_each.
at::Tensor forward_in_passes(const TorchModule& module, const at::Tensor& rows, PassSizes sizes,
                             const Stop& stop = {});

}  // namespace llm2clip
