#pragma once

#include <functional>
#include <vector>

#include "index/snapshot.h"
#include "llm2clip/index.h"

namespace llm2clip {

/// As Index::duplicates.
std::vector<DuplicateGroup> find_duplicates(
    const Snapshot& snapshot, float min_score, const SearchOptions& options,
    const std::function<bool(std::uint64_t done)>& progress);

}  // namespace llm2clip
