#pragma once

#include <cstddef>
#include <filesystem>
#include <mutex>
#include <vector>

#include "llm2clip/run.h"
#include "store/run/chunk_file.h"
#include "store/run/chunk_ranges.h"
#include "store/run/run_notes.h"

namespace llm2clip {

/// What earlier processes of a run have done.
class EarlierChunks {
 public:
  /// Those of `records` that are sound; the others get a note, and their inputs are made anew.
  /// Throws Error(io).
  EarlierChunks(std::filesystem::path folder, const std::vector<ChunkRecord>& records,
                RunNotes& notes);

  /// By first input.
  const std::vector<ChunkRange>& ranges() const { return ranges_; }
  std::vector<ChunkRecord> records() const;

  /// Whether the input is done as it is now; inputs come in their order. From one that changed on
  /// the rest of its chunk is made anew. Throws Error(io).
  bool hold(const RunInput& input);

  /// `resumed` and `redone`, and of what is not made anew the rest. Any thread may ask.
  RunSummary summary() const;

 private:
  std::filesystem::path folder_;
  RunNotes& notes_;
  std::vector<ChunkRange> ranges_;

  std::size_t at_ = 0;                  // among the ranges
  std::vector<InputOutcome> outcomes_;  // of its chunk
  bool stale_ = false;                  // what is left of it is made anew

  mutable std::mutex mutex_;
  RunSummary summary_;  // under the mutex
};

}  // namespace llm2clip
