#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "terminal/messages.h"

namespace llm2clip::cli {

/// "56", and below ten "9.9".
std::string rate_text(double per_second);

/// "  1234 / 10000 images, 56 images/s" on standard error, at most five times a second.
class Progress {
 public:
  /// `total` 0: not known.
  Progress(Messages& messages, std::string unit, std::size_t total = 0);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  void update(std::size_t done);

 private:
  using Clock = std::chrono::steady_clock;

  Messages& messages_;
  std::string unit_;
  std::size_t total_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point shown_{};
};

}  // namespace llm2clip::cli
