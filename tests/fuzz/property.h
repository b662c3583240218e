#pragma once

#include <cstdio>
#include <cstdlib>

#include "llm2clip/error.h"

namespace llm2clip::fuzz {

/// What must hold for every input; the fuzzer keeps one for which it does not.
inline void property(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "property broken: %s\n", what);
  std::abort();
}

/// Runs a reader on hostile bytes: true when it took them. An Error of `kind` is a good answer,
/// every other exception is a crash.
template <typename Read>
bool takes(ErrorKind kind, const Read& read) {
  try {
    read();
    return true;
  } catch (const Error& error) {
    property(error.kind() == kind, error.what());
    return false;
  }
}

}  // namespace llm2clip::fuzz
