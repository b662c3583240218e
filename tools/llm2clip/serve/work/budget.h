#pragma once

#include <atomic>
#include <cstdint>

namespace llm2clip::serve {

/// So many bytes for all requests together: what clients sent, and what becomes of it until the
/// answer is written. Nobody waits for some: who gets none is told to come again.
class Budget {
 public:
  explicit Budget(std::uint64_t bytes) : all_(bytes) {}

  /// What one request has of it, until the end of its scope. One thread at a time may use it.
  class Share {
   public:
    explicit Share(Budget& budget) : budget_(budget) {}
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    ~Share() { budget_.used_ -= bytes_; }

    /// Takes `more` bytes. False: they are not there, and nothing changes.
    bool grow(std::uint64_t more) {
      if (!budget_.take(more)) return false;
      bytes_ += more;
      return true;
    }

   private:
    Budget& budget_;
    std::uint64_t bytes_ = 0;
  };

  std::uint64_t used() const { return used_; }

 private:
  bool take(std::uint64_t bytes) {
    std::uint64_t used = used_;
    while (bytes <= all_ - used) {
      if (used_.compare_exchange_weak(used, used + bytes)) return true;
    }
    return false;
  }

  const std::uint64_t all_;
  std::atomic<std::uint64_t> used_ = 0;
};

}  // namespace llm2clip::serve
