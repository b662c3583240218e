#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "llm2clip/export.h"
#include "llm2clip/from_string.h"

namespace llm2clip {

/// What went wrong, for a program to branch on.
enum class ErrorKind {
  invalid_argument,  ///< a value the caller passed; nothing was read or computed
  unreadable_input,  ///< an image or a text that cannot be used; other inputs are unaffected
  bad_model,         ///< the model directory is missing, damaged, or its parts do not fit together
  unavailable,       ///< the device, precision or threads that were asked for are not there
  out_of_memory,     ///< host or device memory did not suffice
  io,                ///< a file cannot be written or read for a reason outside its content
  cancelled,         ///< a callback of the caller ended the call: `progress` or `stop`
};

/// "invalid_argument" and so on, as the enumerators are spelled.
LLM2CLIP_API const char* to_string(ErrorKind kind);
template <>
LLM2CLIP_API ErrorKind from_string(std::string_view name);  ///< of that name

/// The one exception this library throws on purpose.
///
/// what() is one line: "<file or argument>: <what was expected, what came, what to do>".
class LLM2CLIP_API Error : public std::runtime_error {
 public:
  /// `message` is what what() gives.
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}

  /// Which of the kinds it is; the command line makes its exit code of it.
  ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
};

}  // namespace llm2clip
