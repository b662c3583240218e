#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace llm2clip {

/// A row with its score, of which the true one is no farther away than the error of BestRows.
struct Candidate {
  float score;
  std::uint64_t row;
};

/// The rows that may be among the k best: scores come with a rounding error, so those that are near
/// the k-th stay until somebody computes them exactly.
class BestRows {
 public:
  /// `k` 0: all from `least` on. `error`: the most by which a score is wrong.
  BestRows(std::size_t k, float least, float error);

  /// Rows with a lower score need not be added.
  float threshold() const { return threshold_; }
  void add(float score, std::uint64_t row) {
    if (score < threshold_) return;
    rows_.push_back({score, row});
    if (rows_.size() >= prune_at_) prune();
  }
  /// Those of another thread.
  void add(const BestRows& others) {
    for (const Candidate& candidate : others.rows_) add(candidate.score, candidate.row);
  }
  /// The candidates, in no order.
  const std::vector<Candidate>& candidates();

 private:
  void prune();

  std::size_t k_;
  float error_;
  float threshold_;
  std::size_t prune_at_;
  std::vector<Candidate> rows_;
};

}  // namespace llm2clip
