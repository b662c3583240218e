#pragma once

// Loops over vectors of the compiler's own types. LLM2CLIP_WIDEST compiles a function once for each
// level of x86-64 and chooses when the program starts. What such a function calls must be inlined
// into it, or stays at the lowest level. Under ThreadSanitizer the choice would run before its
// library does, and crash. LLM2CLIP_ONE_LEVEL leaves the level to the compiler's flags: for tests.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_THREAD__) && !defined(LLM2CLIP_ONE_LEVEL)
#define LLM2CLIP_WIDEST \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define LLM2CLIP_WIDEST
#endif
#define LLM2CLIP_INLINE __attribute__((always_inline)) inline
#define LLM2CLIP_INLINE_LAMBDA __attribute__((always_inline))
