#pragma once

#include <ATen/core/Tensor.h>

#include "llm2clip/embeddings.h"

namespace llm2clip {

/// `rows` (B, N) of any float type as float32, on their device; of unit length where `normalize` is
/// set. A zero row stays zero.
at::Tensor finish_rows(const at::Tensor& rows, bool normalize);

/// (rows, dim) float32 over the memory of `embeddings`, which must outlive the tensor.
at::Tensor tensor_over(Embeddings& embeddings);

/// The same, and the tensor owns them.
at::Tensor owning_tensor(Embeddings&& embeddings);

}  // namespace llm2clip
