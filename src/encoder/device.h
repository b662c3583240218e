#pragma once

#include <string>

namespace llm2clip {

/// "auto", "cpu", "cuda" or "cuda:N" to "cpu" or "cuda:N". Throws Error(invalid_argument) for
/// another name, Error(unavailable) when CUDA is asked for and absent.
std::string resolve_device(const std::string& name);

/// What a part whose weights are stored in `stored` computes in on `device`, when `wanted`
/// ("auto", "bfloat16", "float16", "float32") is asked for. Throws Error(unavailable).
std::string resolve_precision(const std::string& wanted, const std::string& stored,
                              const std::string& device);

}  // namespace llm2clip
