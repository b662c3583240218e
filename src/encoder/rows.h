#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

namespace llm2clip {

/// Copies a tensor of any float type and device into `out`, row-major float32: the one readback of
/// a batch.
void copy_to_host(const at::Tensor& tensor, std::span<float> out);

}  // namespace llm2clip
