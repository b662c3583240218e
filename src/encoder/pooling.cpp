#include "encoder/pooling.h"

#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>

#include "base/check.h"
#include "encoder/cpu/certain_threads.h"

namespace llm2clip {

at::Tensor mean_pool(const at::Tensor& hidden, std::span<const int> token_counts,
                     std::span<const int> pooled_counts) {
  const CertainThreads threads;
  const c10::InferenceMode inference;
  LLM2CLIP_CHECK(token_counts.size() == pooled_counts.size());
  const auto texts = static_cast<std::int64_t>(token_counts.size());  // B

  at::Tensor captions = at::empty({texts, hidden.size(1)}, hidden.options().dtype(at::kFloat));
  std::int64_t end = 0;
  for (std::int64_t text = 0; text < texts; ++text) {
    const int own = token_counts[static_cast<std::size_t>(text)];
    const int pooled = pooled_counts[static_cast<std::size_t>(text)];
    LLM2CLIP_CHECK(pooled >= 0 && pooled <= own);
    end += own;
    LLM2CLIP_CHECK(end <= hidden.size(0));
    const std::int64_t first = end - (pooled == 0 ? own : pooled);
    captions.select(0, text).copy_(hidden.slice(0, first, end).mean({0}, false, at::kFloat));
  }
  LLM2CLIP_CHECK(end == hidden.size(0));
  return captions;
}

}  // namespace llm2clip
