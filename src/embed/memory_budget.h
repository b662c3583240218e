#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

namespace llm2clip {

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

    /// Waits until this share may be of `bytes`, those it has included. It may grow a second time
    /// (a file, then its pixels): where all who hold some wait for more, the one who came first is
    /// let through, over what there is.
    void grow(std::uint64_t bytes) { bytes_ = budget_.grow(bytes_, bytes); }

   private:
    MemoryBudget& budget_;
    std::uint64_t bytes_ = 0;
  };

 private:
  std::uint64_t grow(std::uint64_t held, std::uint64_t wanted) {
    const std::uint64_t more = std::max(std::min(wanted, all_), held) - held;
    std::unique_lock lock(mutex_);
    const std::uint64_t ticket = next_ticket_++;
    if (held != 0) growing_.push_back(ticket);
    changed_.notify_all();  // perhaps nobody is left who will give anything back
    changed_.wait(lock, [&] {
      const bool stuck = held != 0 && growing_.size() == holders_ && growing_.front() == ticket;
      return free_ >= more || stuck;
    });
    if (held != 0) std::erase(growing_, ticket);
    if (held == 0 && more != 0) ++holders_;
    const std::uint64_t taken = std::min(more, free_);
    free_ -= taken;
    return held + taken;
  }

  void give(std::uint64_t bytes) {
    if (bytes == 0) return;
    const std::scoped_lock lock(mutex_);
    free_ += bytes;
    --holders_;
    changed_.notify_all();
  }

  const std::uint64_t all_;
  std::uint64_t free_;
  std::uint64_t holders_ = 0;           // shares of more than nothing
  std::vector<std::uint64_t> growing_;  // those of them that wait for more, in order
  std::uint64_t next_ticket_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace llm2clip
