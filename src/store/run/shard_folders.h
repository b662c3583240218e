#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "store/run/final_files.h"
#include "store/run/journal.h"
#include "store/run/run_folder.h"
#include "store/run/run_report.h"

namespace llm2clip {

/// A finished run of a shard, whose folder is locked while it lives.
struct FinishedRun {
  RunFolder folder;
  RunOptions options;
  RunChunks chunks;
  RunEnd end;
};

/// Number and count of a shard, from 1.
using ShardNumber = std::pair<unsigned, unsigned>;

/// Throws Error(io): "PATH: WHY".
[[noreturn]] void refuse_shards(const std::filesystem::path& path, const std::string& why);

/// Whether folders of shards stand beside an output. Throws Error(io) for names that are none.
bool shards_are_beside(const std::filesystem::path& output);
/// The folders of the one set that stands there: all of them, or those that are left. Throws
/// Error(io) where there is none, or several sets are.
std::vector<std::filesystem::path> folders_beside(const std::filesystem::path& output);
/// The folders themselves: links are followed. Throws Error(io) where one is missing or there
/// twice.
std::vector<std::filesystem::path> resolved_folders(
    const std::vector<std::filesystem::path>& folders);

/// As its provenance says or, where an interrupted removal has taken that, its name. Throws
/// Error(io) where neither does.
ShardNumber shard_of_folder(const std::filesystem::path& folder);

/// Throws Error(io) where the run is unfinished or damaged, or another process has it.
FinishedRun open_finished_run(const std::filesystem::path& path);

/// Orders them by shard. Throws Error(io) where they are not of one run and one list, or a shard is
/// missing that is not among those that are `done` in another way.
void order_runs(std::vector<FinishedRun>& runs, const std::set<unsigned>& done = {});

/// What the provenance of the output of some runs is.
enum class LeftBy { joined, chunk };
/// Whether a folder is what is left of a shard whose rows the output that `report` tells of holds:
/// it was being removed. Throws Error(io).
bool is_left_over(const RunFolder& folder, const RunReport& report, LeftBy output);
/// Whether a folder could be one that is left over.
bool may_be_left_over(const std::filesystem::path& folder);

void remove_links(const std::vector<std::filesystem::path>& folders);

/// Of the first that has one: they stand in one file system, most often.
std::string warning_of(const std::vector<FinishedRun>& runs);

}  // namespace llm2clip
