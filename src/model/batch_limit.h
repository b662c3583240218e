#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <mutex>

#include "llm2clip/error.h"

namespace llm2clip {

/// How many rows fit into memory at once, as experience tells: halved when they did not, doubled
/// again after a while, because what took the memory may have given it back. Several threads may
/// use it.
class BatchLimit {
 public:
  std::size_t rows(std::size_t wanted) const {
    const std::scoped_lock lock(mutex_);
    return std::min(wanted, limit_);
  }
  void too_many(std::size_t rows) {
    const std::scoped_lock lock(mutex_);
    limit_ = std::max<std::size_t>(rows / 2, 1);
    good_ = 0;
  }
  void went_well() {
    const std::scoped_lock lock(mutex_);
    left_out_ = 0;
    if (++good_ < kGoodBatches || limit_ >= kNoLimit / 2) return;
    limit_ *= 2;
    good_ = 0;
  }
  /// A row that does not fit alone. False: there were so many in a row that it is not their fault.
  bool may_leave_out() {
    const std::scoped_lock lock(mutex_);
    return ++left_out_ < kMostInARow;
  }

 private:
  static constexpr std::size_t kMostInARow = 3;
  static constexpr std::size_t kNoLimit = std::size_t{1} << 40;
  static constexpr std::size_t kGoodBatches = 64;

  mutable std::mutex mutex_;
  std::size_t limit_ = kNoLimit;
  std::size_t good_ = 0;
  std::size_t left_out_ = 0;  // one after the other
};

using LeaveOut = std::function<void(std::size_t row, const Error& error)>;

/// Calls encode(first, rows) until `count` rows are done, at most `wanted` at once. Where memory
/// does not suffice the same rows are tried again by halves, outside of the handler of the
/// exception, which would hold on to what the failed attempt took. A single row that does not fit
/// goes to leave_out(row, error), where there is one, and the others go on; of three in a row the
/// third is thrown. Throws what `encode` throws, out_of_memory for a single row only.
template <typename Encode>
void for_each_batch(std::size_t count, std::size_t wanted, BatchLimit& limit, Encode&& encode,
                    const LeaveOut& leave_out = {}) {
  for (std::size_t first = 0; first < count;) {
    const std::size_t rows = limit.rows(std::min(wanted, count - first));
    bool fits = true;
    try {
      encode(first, rows);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::out_of_memory) throw;
      if (rows == 1 && (!leave_out || !limit.may_leave_out())) throw;
      if (rows == 1) leave_out(first, error);
      fits = false;
    }
    if (fits) {
      limit.went_well();
    } else {
      limit.too_many(rows);
    }
    if (fits || rows == 1) first += rows;
  }
}

}  // namespace llm2clip
