#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "llm2clip/embeddings.h"
#include "llm2clip/run.h"
#include "store/journal.h"

namespace llm2clip {

/// A failed input as its shard remembers it.
struct FailedInput {
  std::uint64_t index = 0;  ///< among the inputs of the run
  std::string id;
  RunFailure failure;
};

/// What became of the inputs `first` <= i < `end` of a run: each has a row or is failed, rows in
/// the order of inputs.
struct Shard {
  std::uint64_t first = 0;
  std::uint64_t end = 0;
  std::vector<std::string> ids;  ///< of the rows
  Embeddings rows;
  std::vector<FailedInput> failures;  ///< by index
  std::map<std::string, std::uint64_t> counts;
};

/// Writes `shard` as a .safetensors file, which is on the disk when this returns. The record lacks
/// the hash of the inputs. Throws Error(io).
ShardRecord write_shard(const std::filesystem::path& folder, const std::string& name,
                        const Shard& shard, StoredPrecision precision);

/// Whether the file is there as the record says, by size and SHA-256.
bool shard_is_sound(const std::filesystem::path& folder, const ShardRecord& record);

/// Throws Error(io) when the file is not what the record says.
Shard read_shard(const std::filesystem::path& folder, const ShardRecord& record);

}  // namespace llm2clip
