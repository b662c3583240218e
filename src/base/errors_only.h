#pragma once

#include <filesystem>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

#include "llm2clip/error.h"

namespace llm2clip {

// Note [Errors only]: a program that catches Error has caught everything that its inputs, its files
// and its machine can bring about. So each public call stands in one of these; what a callback of
// the program throws goes through as it is.

/// There from the start, for when not even words can be had.
inline const Error kNoMemory(ErrorKind::out_of_memory, "memory does not suffice");

/// Throws Error(out_of_memory) about `subject`, a const char* or a path.
template <typename Subject>
[[noreturn]] void throw_out_of_memory(const Subject& subject) {
  try {
    throw Error(ErrorKind::out_of_memory,
                std::filesystem::path(subject).string() + ": memory does not suffice");
  } catch (const std::bad_alloc&) {
    throw kNoMemory;
  }
}

/// In a handler: throws the Error about `subject` that memory which does not suffice and the file
/// system's words stand for, and anything else again.
template <typename Subject>
[[noreturn]] void rethrow_as_error(const Subject& subject) {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    throw_out_of_memory(subject);
  } catch (const std::length_error&) {  // more than any memory has
    throw_out_of_memory(subject);
  } catch (const std::system_error& error) {
    std::string message;
    try {
      message = std::filesystem::path(subject).string() + ": " + error.code().message();
    } catch (const std::bad_alloc&) {
      throw kNoMemory;
    }
    throw Error(ErrorKind::io, message);
  }
}

/// Runs `body`, and rethrow_as_error() what it throws.
template <typename Subject, typename Body>
decltype(auto) errors_only(const Subject& subject, Body&& body) {
  try {
    return body();
  } catch (...) {
    rethrow_as_error(subject);
  }
}

}  // namespace llm2clip
