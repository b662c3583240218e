#pragma once

#include <chrono>
#include <string>

#include "llm2clip/log.h"

namespace llm2clip {

/// Whether somebody listens to `level`.
bool is_logged(LogLevel level) noexcept;
/// Hands `message` to the callback, if there is one. Never throws.
void send_to_log(LogLevel level, const std::string& message) noexcept;

/// `make_message` returns the line; it is called only when somebody listens.
template <typename MakeMessage>
void log(LogLevel level, MakeMessage&& make_message) {
  if (is_logged(level)) send_to_log(level, make_message());
}

/// Seconds since it was made, for log lines: "0.123 s".
class Stopwatch {
 public:
  std::string text() const;

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace llm2clip
