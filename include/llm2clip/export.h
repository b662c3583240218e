#pragma once

/// LLM2CLIP_API stands on what the shared library exports, LLM2CLIP_LOCAL on what it keeps inside
/// though its class is exported. Everything without a mark stays inside (-fvisibility=hidden).
///
/// Users of the static library get LLM2CLIP_STATIC from its CMake target or .pc file, so that a
/// shared library of theirs does not export our names as its own.
#if defined(LLM2CLIP_STATIC)
#define LLM2CLIP_API
#define LLM2CLIP_LOCAL
#else
#define LLM2CLIP_API __attribute__((visibility("default")))
#define LLM2CLIP_LOCAL __attribute__((visibility("hidden")))
#endif
