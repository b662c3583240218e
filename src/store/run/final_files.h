#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "llm2clip/run.h"
#include "store/run/chunk_ranges.h"
#include "store/run/journal.h"

namespace llm2clip {

/// The done chunks of one of the runs that share a list of inputs.
struct RunChunks {
  std::filesystem::path folder;
  std::vector<ChunkRange> ranges;  ///< by first input, without gaps from 0
};

/// Writes the final file, its `.run.json` and `.errors.jsonl` from the chunks of all runs,
/// `runs[k]` being shard k + 1 of the list that `end` tells of; or, where `options` are of one
/// shard of several, from its chunks alone. Temporary files stand in the folder of the first.
/// Throws Error(io), also for a run that does not hold its share of the list.
RunSummary write_final_files(const std::filesystem::path& output, std::span<const RunChunks> runs,
                             const RunOptions& options, const RunEnd& end);

/// Where the output of a run stands: links are followed, a slash at the end says nothing.
std::filesystem::path run_target(const std::filesystem::path& output);

/// Why an output is refused that nobody says may be replaced.
inline constexpr const char* kOutputExists = "exists; give another name, or overwrite it";

/// Throws Error where no output of this layout can be written there.
void check_run_output(const std::filesystem::path& target, OutputLayout layout);

std::filesystem::path errors_path(const std::filesystem::path& output);  // .errors.jsonl

}  // namespace llm2clip
