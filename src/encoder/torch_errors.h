#pragma once

namespace llm2clip {

/// In a handler: throws the Error that an exception of LibTorch stands for, out_of_memory in the
/// words of its allocators and bad_model otherwise, or that memory which does not suffice does.
/// Throws anything else again, because callbacks of the program may stand in between.
[[noreturn]] void rethrow_torch_error(const char* subject);

/// Runs `body`, and rethrow_torch_error() what it throws: note [Errors only] (errors_only.h).
template <typename Body>
decltype(auto) torch_errors(const char* subject, Body&& body) {
  try {
    return body();
  } catch (...) {
    rethrow_torch_error(subject);
  }
}

}  // namespace llm2clip
