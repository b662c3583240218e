#pragma once

#include <cstdint>
#include <memory>
#include <optional>

namespace llm2clip {

/// Watches what LibTorch allocates in this thread while it lives.
///
/// It listens where LibTorch's profiler does, the one place that hears of every allocation on every
/// device. Where the program profiles this thread itself, the place is taken and nothing is known.
class ScratchMeter {
 public:
  ScratchMeter();
  ~ScratchMeter();
  ScratchMeter(const ScratchMeter&) = delete;
  ScratchMeter& operator=(const ScratchMeter&) = delete;

  /// The most that was allocated at once, of what was allocated since construction.
  std::optional<std::uint64_t> peak_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace llm2clip
