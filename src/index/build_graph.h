#pragma once

#include <cstdint>
#include <functional>

#include "index/hnsw/graph.h"
#include "index/manifest.h"
#include "index/snapshot.h"

namespace llm2clip {

/// The graph of an index that has one. Throws Error(unreadable_input) naming the file when it is
/// damaged.
Graph view_graph(const Snapshot& snapshot);

/// Whether so few rows are not linked that looking at them takes no time beside the rest.
bool is_graph_due(const Snapshot& snapshot);

/// Links the rows that are not linked yet, writes the graph as graph-<number>, and measures it. A
/// graph that is damaged is made anew. `progress` as of IndexWriter::update_graph.
IndexGraph build_graph(
    const Snapshot& snapshot, std::uint64_t number,
    const std::function<bool(std::uint64_t done, std::uint64_t total)>& progress);

}  // namespace llm2clip
