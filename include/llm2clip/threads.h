#pragma once

#include "llm2clip/export.h"

namespace llm2clip {

/// The largest number that set_threads takes: as many processors as Linux tells apart by default.
inline constexpr int kMostThreads = 1024;

/// Sets how many threads this library computes with on a CPU, whichever thread calls it; call it in
/// a program's main. The default is LibTorch's number, at::get_num_threads(). Fewer compute where
/// OpenMP gives fewer: under OMP_THREAD_LIMIT, or inside a parallel region of the caller. Settings
/// of LibTorch and of OpenMP stay as they are.
///
/// Throws Error(invalid_argument) unless `threads` is 1 to kMostThreads. Calls that compute throw
/// Error(unavailable) where so many threads cannot be made (ulimit -u).
LLM2CLIP_API void set_threads(int threads);

}  // namespace llm2clip
