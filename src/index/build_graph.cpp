#include "index/build_graph.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "index/index_file.h"
#include "index/parallel.h"
#include "index/row_products.h"
#include "index/search.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

constexpr std::uint64_t kFewRows = 4096;
constexpr std::uint64_t kFewShare = 100;  // a hundredth of all rows are few, too
constexpr std::uint64_t kSampled = 128;
// More is seldom worth its time: of a million rows around 2,000 centers two in a hundred have links
// from far away alone.
constexpr double kWantedRecall = 0.98;
constexpr std::array<std::uint64_t, 6> kExpansions = {32, 64, 128, 256, 512, 1024};

Graph::RowAt rows_of(const Snapshot& snapshot) {
  return [&snapshot](std::uint64_t row) { return snapshot.row(row).data(); };
}

std::uint64_t linked_rows(const Snapshot& snapshot) {
  const std::optional<IndexGraph>& graph = snapshot.manifest().graph;
  return graph ? graph->info.rows : 0;
}

bool is_damaged(const Snapshot& snapshot) {
  try {
    verify_index_file(snapshot.folder(), snapshot.manifest().graph->file, snapshot.graph());
    return false;
  } catch (const Error&) {
    return true;
  }
}

std::vector<std::uint64_t> visible_rows(const Snapshot& snapshot, std::uint64_t first) {
  std::vector<std::uint64_t> rows;
  for (std::uint64_t row = first; row < snapshot.row_limit(); ++row) {
    if (!snapshot.is_removed(row)) rows.push_back(row);
  }
  return rows;
}

// Between two rows that are nothing to each other: a row itself has links to its own neighbors, and
// would find them too easily.
Embeddings sample_queries(const Snapshot& snapshot) {
  const std::vector<std::uint64_t> rows = visible_rows(snapshot, 0);
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kSampled, rows.size()));
  Embeddings queries(count, snapshot.dim());
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = i * (rows.size() / count);
    const std::vector<float> first = widened(snapshot.row(rows[at]));
    const std::vector<float> second =
        widened(snapshot.row(rows[(at + rows.size() / 2) % rows.size()]));
    double squares = 0;
    for (std::size_t k = 0; k < snapshot.dim(); ++k) {
      queries[i][k] = first[k] + second[k] / 2;
      squares += static_cast<double>(queries[i][k]) * queries[i][k];
    }
    const auto scale = static_cast<float>(1 / std::sqrt(squares));
    for (float& value : queries[i]) value *= scale;
  }
  return queries;
}

using Hits = std::vector<std::vector<IndexHit>>;

// The share of the best rows that was found; one with the score of the last of them is as good.
double recall_of(const Hits& found, const Hits& best) {
  std::size_t all = 0;
  std::size_t right = 0;
  for (std::size_t query = 0; query < best.size(); ++query) {
    all += best[query].size();
    right += static_cast<std::size_t>(std::ranges::count_if(
        found[query], [&](const IndexHit& hit) { return hit.score >= best[query].back().score; }));
  }
  return static_cast<double>(right) / static_cast<double>(all);
}

// With twice the least expansion that is good enough, for a sample may be lucky; or the largest.
IndexGraphInfo measure(const Snapshot& snapshot, const Graph& graph) {
  const Embeddings queries = sample_queries(snapshot);
  const SearchOptions options{.top_k = Neighborhood::kTopK};
  const Hits best = search_rows(snapshot, {}, queries, options);
  IndexGraphInfo info{.rows = snapshot.row_limit(), .sampled = queries.rows()};
  for (const std::uint64_t expansion : kExpansions) {
    const bool is_enough = info.recall >= kWantedRecall;
    info.expansion = expansion;
    const Neighborhood near{&graph, info.rows, static_cast<std::size_t>(expansion)};
    info.recall = recall_of(search_rows(snapshot, near, queries, options), best);
    if (is_enough) break;
  }
  return info;
}

}  // namespace

Graph view_graph(const Snapshot& snapshot) {
  try {
    return Graph::view(snapshot.graph(), snapshot.dim(), linked_rows(snapshot), rows_of(snapshot));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unreadable_input) throw;
    throw Error(ErrorKind::unreadable_input,
                (snapshot.folder() / snapshot.manifest().graph->file.name).string() + ": " +
                    error.what() +
                    "; llm2clip index --kind hnsw makes it again, and search --exact goes without");
  }
}

bool is_graph_due(const Snapshot& snapshot) {
  const std::uint64_t few = std::max(kFewRows, snapshot.row_limit() / kFewShare);
  if (snapshot.row_limit() - linked_rows(snapshot) > few) return true;
  return snapshot.manifest().graph && is_damaged(snapshot);
}

IndexGraph build_graph(
    const Snapshot& snapshot, std::uint64_t number,
    const std::function<bool(std::uint64_t done, std::uint64_t total)>& progress) {
  if (snapshot.row_limit() > Graph::kRowLimit) {
    throw Error(ErrorKind::invalid_argument,
                snapshot.folder().string() + ": has more rows than a graph can have");
  }
  const bool anew = linked_rows(snapshot) == 0 || is_damaged(snapshot);
  Graph graph = anew ? Graph(snapshot.dim(), rows_of(snapshot))
                     : Graph::read(snapshot.graph(), snapshot.dim(), linked_rows(snapshot),
                                   rows_of(snapshot));
  const std::vector<std::uint64_t> rows = visible_rows(snapshot, anew ? 0 : linked_rows(snapshot));
  graph.add(rows, processors(),
            [&](std::size_t done) { return !progress || progress(done, rows.size()); });
  IndexFileWriter file(snapshot.folder(), "graph-" + std::to_string(number));
  graph.write([&](std::span<const std::byte> bytes) { file.write(bytes); });
  IndexFile written = file.commit();
  return {std::move(written), measure(snapshot, graph)};
}

}  // namespace llm2clip
