#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llm2clip/run.h"

namespace llm2clip {

/// Names and values that two processes must agree on to work on the same run: its provenance, and
/// what RunOptions says of rows; and, under names that begin with "computing.", what they need not.
using RunProvenance = std::vector<std::pair<std::string, std::string>>;

/// Throws Error(invalid_argument) for options that cannot be provenance: no components, a shard
/// that is none, provenance without UTF-8, that are there twice, or with a name that is ours.
void check_provenance(const std::filesystem::path& output, const RunOptions& options);

RunProvenance provenance_of(const RunOptions& options);

/// Back again; commit_rows, commit_interval and existing stay at their defaults. `path` is where
/// they come from. Throws Error(io) for provenance that no run has, or of another format.
RunOptions options_of(const std::filesystem::path& path, const RunProvenance& provenance);

std::string provenance_json(const RunProvenance& provenance);

/// Reads hostile bytes. Throws Error(io) naming `path` when they are damaged, or of another format.
RunProvenance parse_provenance(const std::filesystem::path& path, std::string_view text);

/// "model is a there and b here, ..." of each entry that must be the same and differs; empty:
/// none does.
std::string differences(const RunProvenance& there, const RunProvenance& here);

/// Throws Error(io) "<path>: belongs to another run: ..." with the differences.
void check_same_run(const std::filesystem::path& path, const RunProvenance& there,
                    const RunProvenance& here);

/// How rows were computed where some were computed in one way and some in another: both ways,
/// "in_place, prepacked". Whether `to` changed.
bool add_computing(std::vector<std::pair<std::string, std::string>>& to,
                   const std::vector<std::pair<std::string, std::string>>& from);

}  // namespace llm2clip
