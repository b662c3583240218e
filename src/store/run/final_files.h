#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "llm2clip/run.h"
#include "store/run/journal.h"
#include "store/run/chunk_ranges.h"

namespace llm2clip {

/// The done parts of one of the runs that share a list of inputs.
struct RunParts {
  std::filesystem::path folder;
  std::vector<PartRange> ranges;  ///< by first input, without gaps from 0
};

/// Writes the final file, its `.run.json` and `.errors.jsonl` from the parts of all runs, `runs[k]`
/// being shard k + 1 of the list that `end` tells of. Temporary files stand in the folder of the
/// first. Throws Error(io), also for a run that does not hold its share of the list.
RunSummary write_final_files(const std::filesystem::path& output, std::span<const RunParts> runs,
                             const RunOptions& options, const RunEnd& end);

std::filesystem::path errors_path(const std::filesystem::path& output);  // .errors.jsonl

}  // namespace llm2clip
