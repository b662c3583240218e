#include "encoder/pooling.h"

#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>

#include "base/check.h"
#include "encoder/cpu/certain_threads.h"

namespace llm2clip {

at::Tensor mean_pool(const at::Tensor& hidden, std::span<const int> pooled_counts) {
  const CertainThreads threads;
  const c10::InferenceMode inference;
  const std::int64_t batch = hidden.size(0);
  const std::int64_t tokens = hidden.size(1);
  LLM2CLIP_CHECK(static_cast<std::size_t>(batch) == pooled_counts.size());

  at::Tensor captions = at::empty({batch, hidden.size(2)}, hidden.options().dtype(at::kFloat));
  for (std::int64_t row = 0; row < batch; ++row) {
    const int count = pooled_counts[static_cast<std::size_t>(row)];
    LLM2CLIP_CHECK(count >= 0 && count <= tokens);
    const std::int64_t first = count == 0 ? 0 : tokens - count;
    captions.select(0, row).copy_(
        hidden.select(0, row).slice(0, first).mean({0}, false, at::kFloat));
  }
  return captions;
}

}  // namespace llm2clip
