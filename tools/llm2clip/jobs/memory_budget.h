#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace llm2clip::cli {

/// So many bytes for several threads together. Who wants some waits until they are free; who wants
/// more than all of them has them all, alone.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::uint64_t bytes) : all_(bytes), free_(bytes) {}

  /// What one thread has of it, until the end of its scope.
  class Share {
   public:
    explicit Share(MemoryBudget& budget) : budget_(budget) {}
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    ~Share() { budget_.give(bytes_); }

    /// Waits for `bytes`. To be called once: who holds some and waits for more may wait for ever.
    void take(std::uint64_t bytes) { bytes_ = budget_.take(bytes); }

   private:
    MemoryBudget& budget_;
    std::uint64_t bytes_ = 0;
  };

 private:
  std::uint64_t take(std::uint64_t wanted) {
    const std::uint64_t bytes = std::min(wanted, all_);
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return free_ >= bytes; });
    free_ -= bytes;
    return bytes;
  }

  void give(std::uint64_t bytes) {
    const std::scoped_lock lock(mutex_);
    free_ += bytes;
    changed_.notify_all();
  }

  const std::uint64_t all_;
  std::uint64_t free_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace llm2clip::cli
