#pragma once

namespace llm2clip {

/// How many threads LibTorch computes with, for the whole process: a choice for a program's main,
/// which the library itself never makes. Throws Error(invalid_argument) for less than 1.
void set_threads(int threads);

}  // namespace llm2clip
