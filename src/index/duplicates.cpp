#include "index/duplicates.h"

#include <algorithm>
#include <limits>
#include <map>
#include <mutex>
#include <numeric>

#include "index/row_products.h"
#include "index/search.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

// Rows that are compared with all that follow at once: as many as the products are fast with.
constexpr std::uint64_t kQueries = 64;

// Which rows belong together, and with which of the others each is most alike.
class Groups {
 public:
  explicit Groups(std::uint64_t rows)
      : parents_(rows), partners_(rows, {-std::numeric_limits<float>::infinity(), 0}) {
    std::iota(parents_.begin(), parents_.end(), std::uint64_t{0});
  }

  void join(std::uint64_t a, std::uint64_t b, float score) {
    prefer(a, b, score);
    prefer(b, a, score);
    a = root(a);
    b = root(b);
    // The lowest row stands for its group.
    parents_[std::max(a, b)] = std::min(a, b);
  }

  std::uint64_t root(std::uint64_t row) {
    while (parents_[row] != row) row = parents_[row] = parents_[parents_[row]];
    return row;
  }
  std::uint64_t partner(std::uint64_t row) const { return partners_[row].row; }

 private:
  void prefer(std::uint64_t row, std::uint64_t other, float score) {
    Candidate& best = partners_[row];
    if (score > best.score || (score == best.score && other < best.row)) best = {score, other};
  }

  std::vector<std::uint64_t> parents_;
  std::vector<Candidate> partners_;
};

class Comparison {
 public:
  Comparison(const Snapshot& snapshot, float min_score, const SearchOptions& options)
      : snapshot_(snapshot),
        min_score_(min_score),
        options_(options),
        hidden_(hidden_rows(snapshot, options.filter)),
        groups_(snapshot.row_limit()) {}

  // The rows from `first` on, kQueries of them, with themselves and all behind them.
  void compare(std::uint64_t first) {
    const auto count = static_cast<std::size_t>(std::min(kQueries, snapshot_.row_limit() - first));
    Embeddings queries(count, snapshot_.dim());
    for (std::size_t i = 0; i < count; ++i) {
      const std::vector<float> row = widened(snapshot_.row(first + i));
      std::copy(row.begin(), row.end(), queries[i].begin());
    }
    const RowProducts products(queries);
    const std::vector<RowBlock> blocks = row_blocks(snapshot_, first);
    const std::size_t threads = thread_count(options_, blocks);
    std::vector<RowProducts::Scratch> scratches(threads, products.scratch());
    for_each_block(blocks, threads, [&](std::size_t thread, const RowBlock& block) {
      look_at(products, queries, first, block, scratches[thread]);
    });
  }

  std::vector<DuplicateGroup> groups() {
    std::map<std::uint64_t, std::vector<std::uint64_t>> rows_of_roots;
    for (std::uint64_t row = 0; row < snapshot_.row_limit(); ++row) {
      if (groups_.root(row) != row) rows_of_roots[groups_.root(row)].push_back(row);
    }
    std::vector<DuplicateGroup> result;
    for (const auto& [root, others] : rows_of_roots) {
      DuplicateGroup group;
      group.members.push_back(member(root));
      for (const std::uint64_t row : others) group.members.push_back(member(row));
      result.push_back(std::move(group));
    }
    return result;
  }

 private:
  void look_at(const RowProducts& products, const Embeddings& queries, std::uint64_t first_query,
               const RowBlock& block, RowProducts::Scratch& scratch) {
    const Segment& segment = snapshot_.segments()[block.segment];
    const std::uint64_t first_row = snapshot_.first_row(block.segment) + block.first;
    for (std::size_t at = 0; at < block.count; at += RowProducts::kMostRows) {
      const std::size_t count = std::min(RowProducts::kMostRows, block.count - at);
      products.multiply(segment.row(block.first + at).data(), count, scratch);
      for (std::size_t i = 0; i < count; ++i) {
        const float* scores = scratch.scores.data() + i * products.stride();
        join_alike(scores, queries, products.error(), first_query, first_row + at + i);
      }
    }
  }

  // `row` with those of the queries that are before it.
  void join_alike(const float* scores, const Embeddings& queries, float error,
                  std::uint64_t first_query, std::uint64_t row) {
    if (hidden_[row]) return;
    for (std::size_t query = 0; query < queries.rows() && first_query + query < row; ++query) {
      float score = scores[query];
      if (score < min_score_ - error || hidden_[first_query + query]) continue;
      if (score < min_score_ + error) score = exact_product(queries[query], snapshot_.row(row));
      if (score < min_score_) continue;
      const std::lock_guard lock(joining_);
      groups_.join(first_query + query, row, score);
    }
  }

  IndexHit member(std::uint64_t row) const {
    const std::vector<float> values = widened(snapshot_.row(row));
    const float score = exact_product(values, snapshot_.row(groups_.partner(row)));
    return {row, score, std::string(snapshot_.id(row))};
  }

  const Snapshot& snapshot_;
  float min_score_;
  const SearchOptions& options_;
  RemovedRows hidden_;
  std::mutex joining_;
  Groups groups_;
};

}  // namespace

std::vector<DuplicateGroup> find_duplicates(
    const Snapshot& snapshot, float min_score, const SearchOptions& options,
    const std::function<bool(std::uint64_t done)>& progress) {
  if (!(min_score >= -1 && min_score <= 1)) {
    throw Error(ErrorKind::invalid_argument,
                "min_score: a cosine from -1 to 1 is expected, not " + std::to_string(min_score));
  }
  Comparison comparison(snapshot, min_score, options);
  for (std::uint64_t first = 0; first < snapshot.row_limit(); first += kQueries) {
    comparison.compare(first);
    const std::uint64_t done = std::min(first + kQueries, snapshot.row_limit());
    if (progress && !progress(done)) {
      throw Error(ErrorKind::cancelled, "duplicates: ended by progress");
    }
  }
  return comparison.groups();
}

}  // namespace llm2clip
