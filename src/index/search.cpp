#include "index/search.h"

#include <fnmatch.h>

#include <algorithm>
#include <cmath>

#include "index/coarse_rows.h"
#include "index/parallel.h"
#include "index/row_products.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

// Rows that a thread takes at once: some megabytes, so that threads end together.
constexpr std::size_t kBlockRows = 21 * RowProducts::kMostRows;
// More than so many are looked for among all rows: a graph would see a large share of them.
constexpr std::size_t kMostNear = 1000;

// Of each query; the errors of its scores grow with it.
std::vector<double> norms_of(const EmbeddingsView& queries) {
  std::vector<double> norms;
  for (std::size_t query = 0; query < queries.rows(); ++query) {
    double squares = 0;
    for (const float value : queries[query]) squares += static_cast<double>(value) * value;
    if (!std::isfinite(squares)) {
      throw Error(ErrorKind::invalid_argument,
                  "queries: query " + std::to_string(query) + " has a value that is not finite");
    }
    norms.push_back(std::sqrt(squares));
  }
  return norms;
}

// What one thread has found: the best rows for each query.
class Findings {
 public:
  Findings(const RowProducts& products, const std::vector<BestRows>& empty)
      : scratch_(products.scratch()), best_(empty), thresholds_(products.stride(), INFINITY) {
    for (std::size_t query = 0; query < best_.size(); ++query) update(query);
  }

  // `row` is the number in the index of the first row at `values`.
  void look_at(const RowProducts& products, const std::uint16_t* values, std::size_t count,
               std::uint64_t row, const RemovedRows& hidden) {
    products.multiply(values, count, scratch_);
    for (std::size_t i = 0; i < count; ++i) {
      const float* scores = scratch_.scores.data() + i * products.stride();
      if (any_passes(scores) && !hidden[row + i]) take(scores, row + i);
    }
  }

  std::vector<BestRows>& best() { return best_; }

 private:
  // Few rows do: the compiler compares many scores at once.
  bool any_passes(const float* scores) const {
    int passes = 0;
    for (std::size_t query = 0; query < thresholds_.size(); ++query) {
      passes |= static_cast<int>(scores[query] >= thresholds_[query]);
    }
    return passes != 0;
  }

  void take(const float* scores, std::uint64_t row) {
    for (std::size_t query = 0; query < best_.size(); ++query) {
      if (!(scores[query] >= thresholds_[query])) continue;
      best_[query].add(scores[query], row);
      update(query);
    }
  }

  void update(std::size_t query) { thresholds_[query] = best_[query].threshold(); }

  RowProducts::Scratch scratch_;
  std::vector<BestRows> best_;
  std::vector<float> thresholds_;  // of columns that are no query: infinite
};

// The candidates of all threads among the rows from `first` on.
std::vector<BestRows> find_candidates(const Snapshot& snapshot, std::uint64_t first,
                                      const RowProducts& products,
                                      const std::vector<BestRows>& empty, const RemovedRows& hidden,
                                      const SearchOptions& options) {
  const std::vector<RowBlock> blocks = row_blocks(snapshot, first);
  const std::size_t threads = thread_count(options, blocks);
  std::vector<Findings> findings(threads, Findings(products, empty));
  for_each_block(blocks, threads, [&](std::size_t thread, const RowBlock& block) {
    const Segment& segment = snapshot.segments()[block.segment];
    const std::uint64_t first_row = snapshot.first_row(block.segment) + block.first;
    for (std::size_t at = 0; at < block.count; at += RowProducts::kMostRows) {
      const std::size_t count = std::min(RowProducts::kMostRows, block.count - at);
      findings[thread].look_at(products, segment.row(block.first + at).data(), count,
                               first_row + at, hidden);
    }
  });
  std::vector<BestRows> best = std::move(findings[0].best());
  for (std::size_t thread = 1; thread < threads; ++thread) {
    for (std::size_t query = 0; query < best.size(); ++query) {
      best[query].add(findings[thread].best()[query]);
    }
  }
  return best;
}

// Queries that pass over coarse rows one by one; more of them are faster together.
constexpr std::size_t kFewQueries = 12;

bool goes_over_coarse_rows(const Snapshot& snapshot, const EmbeddingsView& queries,
                           const SearchOptions& options) {
  const bool few_are_wanted = options.top_k > 0 || options.min_score.has_value();
  return snapshot.manifest().scan == IndexScan::int8 && few_are_wanted &&
         queries.rows() <= kFewQueries;
}

// The same by way of the coarse rows: with their errors they say which rows may be among the best.
class CoarsePass {
 public:
  CoarsePass(const Snapshot& snapshot, const EmbeddingsView& queries, const SearchOptions& options)
      : snapshot_(snapshot) {
    float row_error = 0;
    for (const Segment& segment : snapshot.segments()) {
      row_error = std::max(row_error, segment.coarse_error());
    }
    for (std::size_t query = 0; query < queries.rows(); ++query) {
      queries_.emplace_back(queries[query]);
      empty_.emplace_back(options.top_k, options.min_score.value_or(-INFINITY),
                          queries_.back().error(row_error));
    }
  }

  std::vector<BestRows> candidates(std::uint64_t first, const RemovedRows& hidden,
                                   const SearchOptions& options) const {
    const std::vector<RowBlock> blocks = row_blocks(snapshot_, first);
    const std::size_t threads = thread_count(options, blocks);
    std::vector<std::vector<BestRows>> best(threads, empty_);
    for_each_block(blocks, threads, [&](std::size_t thread, const RowBlock& block) {
      look_at(block, hidden, best[thread]);
    });
    for (std::size_t thread = 1; thread < threads; ++thread) {
      for (std::size_t query = 0; query < empty_.size(); ++query) {
        best[0][query].add(best[thread][query]);
      }
    }
    return std::move(best[0]);
  }

 private:
  void look_at(const RowBlock& block, const RemovedRows& hidden,
               std::vector<BestRows>& best) const {
    const Segment& segment = snapshot_.segments()[block.segment];
    const std::uint64_t first_row = snapshot_.first_row(block.segment);
    for (std::uint64_t row = block.first; row < block.first + block.count; ++row) {
      const float scale = segment.coarse_scale(row);
      for (std::size_t query = 0; query < queries_.size(); ++query) {
        const float score = queries_[query].product(segment.coarse_row(row), scale);
        if (score >= best[query].threshold() && !hidden[first_row + row]) {
          best[query].add(score, first_row + row);
        }
      }
    }
  }

  const Snapshot& snapshot_;
  std::vector<CoarseQuery> queries_;
  std::vector<BestRows> empty_;
};

// Candidates among the rows from `first` on, by whichever way is faster.
std::vector<BestRows> find_best(const Snapshot& snapshot, std::uint64_t first,
                                const EmbeddingsView& queries, const RowProducts& products,
                                const std::vector<BestRows>& empty, const RemovedRows& hidden,
                                const SearchOptions& options) {
  if (!goes_over_coarse_rows(snapshot, queries, options)) {
    return find_candidates(snapshot, first, products, empty, hidden, options);
  }
  std::vector<BestRows> coarse =
      CoarsePass(snapshot, queries, options).candidates(first, hidden, options);
  std::vector<BestRows> best = empty;
  for (std::size_t query = 0; query < best.size(); ++query) {
    for (const Candidate& candidate : coarse[query].candidates()) {
      best[query].add(
          quick_product(queries[query].data(), snapshot.row(candidate.row).data(), snapshot.dim()),
          candidate.row);
    }
  }
  return best;
}

// Those among the rows that are linked.
void add_neighbors(const Neighborhood& near, const EmbeddingsView& queries,
                   const RemovedRows& hidden, const SearchOptions& options,
                   std::vector<BestRows>& best) {
  const std::size_t more = std::max(options.top_k, Neighborhood::kTopK) - Neighborhood::kTopK;
  const std::size_t expansion = near.expansion + 2 * more;
  const std::size_t wanted = options.threads > 0 ? options.threads : processors();
  for_each_item(
      queries.rows(), std::min(queries.rows(), wanted), [&](std::size_t, std::size_t query) {
        for (const Candidate& row : near.graph->search(queries[query], expansion, hidden)) {
          best[query].add(row.score, row.row);
        }
      });
}

// The true scores decide, and of equal ones the row.
std::vector<IndexHit> hits_of(const Snapshot& snapshot, std::span<const float> query,
                              BestRows& best, const SearchOptions& options) {
  std::vector<IndexHit> hits;
  for (const Candidate& candidate : best.candidates()) {
    const float score = exact_product(query, snapshot.row(candidate.row));
    if (!options.min_score || score >= *options.min_score) {
      hits.push_back({candidate.row, score, {}});
    }
  }
  std::sort(hits.begin(), hits.end(), [](const IndexHit& a, const IndexHit& b) {
    return a.score != b.score ? a.score > b.score : a.row < b.row;
  });
  if (options.top_k > 0 && hits.size() > options.top_k) hits.resize(options.top_k);
  for (IndexHit& hit : hits) hit.id = snapshot.id(hit.row);
  return hits;
}

}  // namespace

std::vector<RowBlock> row_blocks(const Snapshot& snapshot, std::uint64_t first) {
  std::vector<RowBlock> blocks;
  for (std::size_t segment = 0; segment < snapshot.segments().size(); ++segment) {
    const std::uint64_t rows = snapshot.segments()[segment].rows();
    const std::uint64_t begin = snapshot.first_row(segment);
    for (std::uint64_t row = first > begin ? std::min(first - begin, rows) : 0; row < rows;) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kBlockRows, rows - row));
      blocks.push_back({segment, row, count});
      row += count;
    }
  }
  return blocks;
}

std::size_t thread_count(const SearchOptions& options, const std::vector<RowBlock>& blocks) {
  const std::size_t wanted = options.threads > 0 ? options.threads : processors();
  return std::clamp<std::size_t>(blocks.size(), 1, wanted);
}

void for_each_block(const std::vector<RowBlock>& blocks, std::size_t threads,
                    const std::function<void(std::size_t, const RowBlock&)>& work) {
  for_each_item(blocks.size(), threads,
                [&](std::size_t thread, std::size_t at) { work(thread, blocks[at]); });
}

RemovedRows hidden_rows(const Snapshot& snapshot, const std::string& filter) {
  RemovedRows hidden = snapshot.removed();
  if (filter.empty()) return hidden;
  for (std::uint64_t row = 0; row < snapshot.row_limit(); ++row) {
    if (hidden[row]) continue;
    const std::string id(snapshot.id(row));
    hidden[row] = ::fnmatch(filter.c_str(), id.c_str(), 0) != 0;
  }
  return hidden;
}

bool asks_every_row(const SearchOptions& options) {
  return options.exact || options.top_k == 0 || options.top_k > kMostNear ||
         !options.filter.empty();
}

std::vector<std::vector<IndexHit>> search_rows(const Snapshot& snapshot, const Neighborhood& near,
                                               const EmbeddingsView& queries,
                                               const SearchOptions& options) {
  if (queries.rows() == 0) return {};
  if (queries.dim() != snapshot.dim()) {
    throw Error(ErrorKind::invalid_argument,
                "queries: have " + std::to_string(queries.dim()) + " components, the rows of " +
                    snapshot.folder().string() + " have " + std::to_string(snapshot.dim()));
  }
  const std::vector<double> norms = norms_of(queries);
  const RowProducts products(queries);
  std::vector<BestRows> empty;
  for (const double norm : norms) {
    empty.emplace_back(options.top_k, options.min_score.value_or(-INFINITY),
                       products.error() * static_cast<float>(norm));
  }
  const RemovedRows hidden = hidden_rows(snapshot, options.filter);
  std::vector<BestRows> best =
      find_best(snapshot, near.rows, queries, products, empty, hidden, options);
  if (near.graph != nullptr) add_neighbors(near, queries, hidden, options, best);
  std::vector<std::vector<IndexHit>> hits;
  for (std::size_t query = 0; query < queries.rows(); ++query) {
    hits.push_back(hits_of(snapshot, queries[query], best[query], options));
  }
  return hits;
}

}  // namespace llm2clip
