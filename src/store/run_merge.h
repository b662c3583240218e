#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "llm2clip/run.h"
#include "store/journal.h"
#include "store/run_folder.h"

namespace llm2clip {

/// The done parts of one of the runs that share a list of inputs.
struct RunParts {
  std::filesystem::path folder;
  std::vector<ShardRecord> shards;  ///< by first input, without gaps from 0
};

/// Writes the final file, its `.run.json` and `.errors.jsonl` from the parts of all runs, `runs[k]`
/// being shard k + 1. Temporary files stand in the folder of the first.
/// Throws Error(io), also when the numbers of inputs show that the runs had different lists.
RunSummary write_final_files(const std::filesystem::path& output, std::span<const RunParts> runs,
                             const RunOptions& options);

std::filesystem::path run_report_path(const std::filesystem::path& output);  // .run.json
std::filesystem::path errors_path(const std::filesystem::path& output);      // .errors.jsonl

/// What a `.run.json` says.
struct RunReport {
  RunSettings settings;
  RunSummary summary;
};

/// Throws Error(io) when the file is missing or damaged.
RunReport read_run_report(const std::filesystem::path& output);

}  // namespace llm2clip
