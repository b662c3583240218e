#pragma once

#include <cstdint>
#include <string>

#include "encoder/cpu/processor.h"
#include "llm2clip/model.h"

namespace llm2clip {

/// "auto", "cpu", "cuda" or "cuda:N" to "cpu" or "cuda:N". Throws Error(invalid_argument) for
/// another name, Error(unavailable) when CUDA is asked for and absent.
std::string resolve_device(const std::string& name);

/// What a part whose weights are stored in `stored` computes in on `device`, when `wanted`
/// ("auto", "bfloat16", "float16" or "float32") is asked for, on a processor that has `products`.
/// "auto" is what is stored, or float32 on a CPU that multiplies that slowly.
/// Throws Error(unavailable) for float16 on a CPU that does not have it.
PrecisionChoice choose_precision(const std::string& wanted, const std::string& stored,
                                 const std::string& device, const ProcessorProducts& products);

/// `choice` where memory does not suffice for its copy of `bytes` bytes: what is stored, if every
/// CPU can compute that.
PrecisionChoice without_copy(const PrecisionChoice& choice, const std::string& stored,
                             std::uint64_t bytes);

}  // namespace llm2clip
