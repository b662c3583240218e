#pragma once

#include <cstddef>
#include <string>

#include "llm2clip/error.h"
#include "messages.h"

namespace llm2clip::cli {

/// What happens to an input that cannot be used (--on-error): it is told and left out, or it stops
/// the program.
class InputPolicy {
 public:
  enum class OnError { skip, fail };

  InputPolicy(OnError on_error, Messages& messages) : on_error_(on_error), messages_(messages) {}

  /// Errors of other kinds than unreadable_input are thrown on: they are not the input's fault.
  void failed(const Error& error);

  std::size_t failures() const { return failures_; }
  /// kDone or kSomeSkipped.
  int exit_code() const;

 private:
  OnError on_error_;
  Messages& messages_;
  std::size_t failures_ = 0;
};

/// "3 embedded, 1 failed".
std::string summary(std::size_t done, const char* verb, std::size_t failures);

}  // namespace llm2clip::cli
