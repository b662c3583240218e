#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "index/best_rows.h"
#include "index/hnsw/graph.h"
#include "index/snapshot.h"
#include "llm2clip/index.h"

namespace llm2clip {

/// Rows of one segment that a thread takes at once.
struct RowBlock {
  std::size_t segment;
  std::uint64_t first;  ///< in the segment
  std::size_t count;
};

/// All rows from `first` on, in order.
std::vector<RowBlock> row_blocks(const Snapshot& snapshot, std::uint64_t first = 0);

/// Calls `work(thread, block)` for every block, in `threads` threads (0: one for each processor) of
/// which the caller's is one. `threads` must be what thread_count() gave.
void for_each_block(const std::vector<RowBlock>& blocks, std::size_t threads,
                    const std::function<void(std::size_t thread, const RowBlock&)>& work);

/// How many threads search `blocks`.
std::size_t thread_count(const SearchOptions& options, const std::vector<RowBlock>& blocks);

/// The rows that a search passes over: those that were removed, or whose ids `filter` does not
/// match.
RemovedRows hidden_rows(const Snapshot& snapshot, const std::string& filter);

/// Rows that are not looked at one by one: those below `rows` are asked of a graph.
struct Neighborhood {
  static constexpr std::size_t kTopK = 10;  ///< for which the expansion was chosen

  const Graph* graph = nullptr;
  std::uint64_t rows = 0;
  std::size_t expansion = 0;
};

/// Whether a search does not go by a graph: it is asked for more than the nearest few, or for rows
/// that a pattern chooses, whose ids are all looked at anyway.
bool asks_every_row(const SearchOptions& options);

/// As Index::search.
std::vector<std::vector<IndexHit>> search_rows(const Snapshot& snapshot, const Neighborhood& near,
                                               const EmbeddingsView& queries,
                                               const SearchOptions& options);

}  // namespace llm2clip
