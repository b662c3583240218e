#include "encoder/rows.h"

#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>

#include "check.h"

namespace llm2clip {

void copy_to_host(const at::Tensor& tensor, std::span<float> out) {
  const c10::InferenceMode inference;
  LLM2CLIP_CHECK(static_cast<std::size_t>(tensor.numel()) == out.size());
  at::from_blob(out.data(), tensor.sizes(), at::kFloat).copy_(tensor);
}

}  // namespace llm2clip
