#include "index/best_rows.h"

#include <algorithm>

namespace llm2clip {
namespace {

constexpr std::size_t kLeastPruned = 256;

}  // namespace

BestRows::BestRows(std::size_t k, float least, float error)
    : k_(k),
      error_(error),
      threshold_(least - error),
      prune_at_(k == 0 ? std::numeric_limits<std::size_t>::max() : 2 * k + kLeastPruned) {}

const std::vector<Candidate>& BestRows::candidates() {
  prune();
  return rows_;
}

// A row whose score is below the k-th by twice the error cannot be better than k others.
void BestRows::prune() {
  if (k_ == 0 || rows_.size() <= k_) return;
  const auto kth = rows_.begin() + static_cast<std::ptrdiff_t>(k_ - 1);
  std::nth_element(rows_.begin(), kth, rows_.end(),
                   [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
  threshold_ = std::max(threshold_, kth->score - 2 * error_);
  std::erase_if(rows_, [this](const Candidate& row) { return row.score < threshold_; });
  prune_at_ = 2 * rows_.size() + kLeastPruned;
}

}  // namespace llm2clip
