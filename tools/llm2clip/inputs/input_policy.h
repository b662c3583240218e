#pragma once

#include <cstddef>
#include <string>

#include "llm2clip/error.h"
#include "terminal/messages.h"

namespace llm2clip::cli {

/// Where it is told that an input cannot be used.
class FailureSink {
 public:
  virtual ~FailureSink() = default;
  /// `id` is the input's, as it stands in files of ids; the message of `error` need not begin with
  /// it. Errors of other kinds than unreadable_input are thrown on: they are not the input's fault.
  virtual void failed(const std::string& id, const Error& error) = 0;
  std::size_t failures() const { return failures_; }

 protected:
  std::size_t failures_ = 0;
};

enum class OnError { skip, fail };

/// What happens to an input that cannot be used (--on-error): it is told and left out, or it stops
/// the program.
class InputPolicy final : public FailureSink {
 public:
  InputPolicy(OnError on_error, Messages& messages) : on_error_(on_error), messages_(messages) {}

  void failed(const std::string& id, const Error& error) override;
  /// kDone or kSomeSkipped.
  int exit_code() const;

 private:
  OnError on_error_;
  Messages& messages_;
};

/// "3 embedded, 1 failed".
std::string summary(std::size_t done, const char* verb, std::size_t failures);

}  // namespace llm2clip::cli
