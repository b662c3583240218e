#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace llm2clip {

/// Hands items from one thread to another in their order. A full queue makes its producer wait: it
/// holds at most `max_items` items of `max_bytes` bytes together, or one that is larger.
template <typename T>
class BoundedQueue {
 public:
  BoundedQueue(std::size_t max_items, std::size_t max_bytes)
      : max_items_(max_items), max_bytes_(max_bytes) {}

  /// False when the queue was closed: nobody will take the item.
  bool push(T item, std::size_t bytes) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] {
      return closed_ || items_.empty() ||
             (items_.size() < max_items_ && bytes_ + bytes <= max_bytes_);
    });
    if (closed_) return false;
    items_.emplace_back(std::move(item), bytes);
    bytes_ += bytes;
    changed_.notify_all();
    return true;
  }

  /// Empty when the queue is closed and everything was taken, or `stop` says so; it is asked ten
  /// times a second.
  template <typename Stop>
  std::optional<T> pop(const Stop& stop) {
    std::unique_lock lock(mutex_);
    while (!stop()) {
      changed_.wait_for(lock, std::chrono::milliseconds(100),
                        [&] { return closed_ || !items_.empty(); });
      if (!items_.empty()) {
        T item = std::move(items_.front().first);
        bytes_ -= items_.front().second;
        items_.pop_front();
        changed_.notify_all();
        return item;
      }
      if (closed_) break;
    }
    return std::nullopt;
  }
  std::optional<T> pop() {
    return pop([] { return false; });
  }

  /// No more items come; those in the queue can still be taken.
  void close() {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  /// Nobody takes items any more.
  void cancel() {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    items_.clear();
    bytes_ = 0;
    changed_.notify_all();
  }

 private:
  const std::size_t max_items_;
  const std::size_t max_bytes_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<T, std::size_t>> items_;
  std::size_t bytes_ = 0;
  bool closed_ = false;
};

}  // namespace llm2clip
