#pragma once

// at::parallel_for is a template: in a file that is compiled without OpenMP it calls its function
// once, in the calling thread, and says nothing.
#if defined(__GNUC__) && !defined(__clang__) && !defined(_OPENMP)
#error "compile with -fopenmp, as LibTorch was: at::parallel_for would use one thread"
#endif

#include <ATen/Parallel.h>
