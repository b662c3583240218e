#pragma once

#include <exception>
#include <string>

#include "llm2clip/c/llm2clip.h"

namespace llm2clip::c {

/// Remembers the exception that is being handled as the message of this thread. Never throws.
llm2clip_status status_of_current_exception() noexcept;

/// Runs the body of a call: the one place where exceptions end.
template <typename Body>
llm2clip_status guarded(Body&& body) noexcept {
  try {
    body();
    return LLM2CLIP_OK;
  } catch (...) {
    return status_of_current_exception();
  }
}

/// Throws Error(invalid_argument, "<argument>: <why>").
[[noreturn]] void refuse(const char* argument, const std::string& why);

/// Ends the call for a callback that said so.
[[noreturn]] void cancel();

}  // namespace llm2clip::c
