#include "encoder/rows.h"

#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>

#include <memory>
#include <utility>

#include "encoder/cpu/certain_threads.h"

namespace llm2clip {

at::Tensor finish_rows(const at::Tensor& rows, bool normalize) {
  const CertainThreads threads;
  const c10::InferenceMode inference;
  const at::Tensor float32 = rows.to(at::kFloat);
  if (!normalize) return float32;
  // Summed in float64, as normalize_rows does.
  const at::Tensor wide = float32.to(at::kDouble);
  const at::Tensor norms = wide.norm(2, {1}, /*keepdim=*/true);
  return wide.div(norms.masked_fill(norms.eq(0), 1)).to(at::kFloat);
}

at::Tensor tensor_over(Embeddings& embeddings) {
  const auto rows = static_cast<std::int64_t>(embeddings.rows());
  const auto dim = static_cast<std::int64_t>(embeddings.dim());
  float* values = rows > 0 ? embeddings[0].data() : nullptr;
  return at::from_blob(values, {rows, dim}, at::kFloat);
}

at::Tensor owning_tensor(Embeddings&& embeddings) {
  auto owner = std::make_shared<Embeddings>(std::move(embeddings));
  const auto rows = static_cast<std::int64_t>(owner->rows());
  const auto dim = static_cast<std::int64_t>(owner->dim());
  float* values = rows > 0 ? (*owner)[0].data() : nullptr;
  return at::from_blob(values, {rows, dim}, [owner](void*) mutable { owner.reset(); }, at::kFloat);
}

}  // namespace llm2clip
