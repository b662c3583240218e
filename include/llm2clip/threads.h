#pragma once

#include "llm2clip/export.h"

namespace llm2clip {

/// How many threads LibTorch computes with, for the whole process: a choice for a program's main,
/// which the library itself never makes. Throws Error(invalid_argument) for less than 1.
LLM2CLIP_API void set_threads(int threads);

}  // namespace llm2clip
