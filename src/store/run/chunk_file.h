#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "llm2clip/embeddings.h"
#include "llm2clip/run.h"
#include "store/run/journal.h"

namespace llm2clip {

/// A failed input as its chunk remembers it.
struct FailedInput {
  std::uint64_t index = 0;  ///< among the inputs of the run
  std::string id;
  RunFailure failure;
};

/// What Run::count was told about an input.
struct InputCount {
  std::uint64_t index = 0;  ///< among the inputs of the run
  std::string what;
  std::uint64_t count = 0;
};

/// An input as its chunk remembers it, whether it has a row or not.
struct InputOutcome {
  std::string digest;  ///< short_digest of the input
  bool failed = false;
};

/// What became of the inputs `first` <= i < `end` of a run: each has a row or is failed, rows in
/// the order of inputs.
struct Chunk {
  std::uint64_t first = 0;
  std::uint64_t end = 0;
  std::vector<std::string> ids;  ///< of the rows
  Embeddings rows;
  std::vector<FailedInput> failures;   ///< by index
  std::vector<InputCount> counts;      ///< by index
  std::vector<InputOutcome> outcomes;  ///< one an input
};

/// As much of a SHA-256 as tells the inputs of a run apart: 32 of its digits.
std::string short_digest(const std::string& sha256);

/// Writes `chunk`, which is on the disk when this returns. Throws Error(io).
///
/// A chunk is a .safetensors file of the tensors `embeddings` (rows, dim; F32 or F16), `ids` (U8:
/// one after the other) with `boundaries` (I64, rows + 1: where each begins and the last ends),
/// `outcomes` (U8, inputs by 33: the digest and "+" or "-"), and `failures` and `counts` (U8:
/// JSON). Nothing that grows with the inputs is in the header, which the format bounds.
ChunkRecord write_chunk(const std::filesystem::path& folder, const std::string& name,
                        const Chunk& chunk, StoredPrecision precision);

/// Whether the file is there as the record says, by size and SHA-256. Throws Error(io) for one that
/// the system fails to read.
bool chunk_is_there(const std::filesystem::path& folder, const ChunkRecord& record);

/// The same; a file that the system fails to read is none.
bool chunk_is_sound(const std::filesystem::path& folder, const ChunkRecord& record);

/// Reads the outcomes alone. Throws Error(io) when they are not there.
std::vector<InputOutcome> read_outcomes(const std::filesystem::path& folder,
                                        const ChunkRecord& record);

/// Throws Error(io) when the file is not what the record says, or has rows of other than `dim`
/// components.
Chunk read_chunk(const std::filesystem::path& folder, const ChunkRecord& record, std::size_t dim);

}  // namespace llm2clip
