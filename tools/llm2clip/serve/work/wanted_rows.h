#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <utility>

#include "llm2clip/embeddings.h"

namespace llm2clip::serve {

/// Where a request comes from, for as long as anybody works for it.
struct Client {
  std::uint64_t id = 0;            ///< of the connection
  std::atomic<bool> left = false;  ///< nobody waits for the answer any more
};

/// How long a request waited and was computed, of its slowest input.
struct Durations {
  std::chrono::duration<double> queue{0};
  std::chrono::duration<double> inference{0};
};

/// Rows that a request waits for. Everyone who works on an input of it holds a pointer; when the
/// last one lets go, `done` is called, in whichever thread that is: with the rows, or with what
/// went wrong first. So no way out of a queue, a batch or a failure can leave a request waiting.
class WantedRows {
 public:
  using Done =
      std::function<void(const std::exception_ptr& failure, Embeddings rows, Durations took)>;

  /// `incomplete`: what went wrong where rows are missing and nothing else did.
  WantedRows(std::size_t inputs, std::size_t dim, std::shared_ptr<const Client> client,
             std::exception_ptr incomplete, Done done)
      : client_(std::move(client)),
        rows_(inputs, dim),
        missing_(inputs),
        incomplete_(std::move(incomplete)),
        done_(std::move(done)) {}
  WantedRows(const WantedRows&) = delete;
  WantedRows& operator=(const WantedRows&) = delete;
  ~WantedRows() {
    if (missing_ != 0 && !failure_) failure_ = incomplete_;
    done_(failure_, std::move(rows_), took_);
  }

  std::uint64_t client() const { return client_->id; }
  /// Whether work for it would be wasted.
  bool dropped() const { return failed_ || client_->left; }

  /// Several threads may call it, each for inputs of its own.
  void put_row(std::size_t input, std::span<const float> row) {
    std::copy(row.begin(), row.end(), rows_[input].begin());
    --missing_;
  }

  /// The first failure counts.
  void fail(std::exception_ptr failure) {
    const std::scoped_lock lock(mutex_);
    if (!failure_) failure_ = std::move(failure);
    failed_ = true;
  }

  /// For the engine's thread alone.
  void add_queued(std::chrono::duration<double> waited) {
    if (took_.queue < waited) took_.queue = waited;
  }
  /// `batch` has a number of its own, and may hold several inputs of the request.
  void add_computed(std::uint64_t batch, std::chrono::duration<double> computed) {
    if (std::exchange(last_batch_, batch) != batch) took_.inference += computed;
  }

 private:
  std::shared_ptr<const Client> client_;
  Embeddings rows_;
  std::atomic<std::size_t> missing_;
  std::atomic<bool> failed_ = false;
  std::mutex mutex_;  // around the next
  std::exception_ptr failure_;
  std::exception_ptr incomplete_;
  Durations took_;
  std::uint64_t last_batch_ = 0;
  Done done_;
};

}  // namespace llm2clip::serve
