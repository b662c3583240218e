#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "llm2clip/export.h"

namespace llm2clip {

/// How far a run has come, as the disk shows it. Whoever works on it is not disturbed.
struct RunState {
  std::filesystem::path output;                        ///< what the run is to, or what it left
  unsigned shard = 1;                                  ///< as in RunOptions
  unsigned shards = 1;                                 ///< the same
  bool finished = false;                               ///< all its inputs have their fate
  std::uint64_t inputs = 0;                            ///< those that have; embedded + failed
  std::uint64_t embedded = 0;                          ///< of them have a row
  std::uint64_t failed = 0;                            ///< of them have none
  std::chrono::system_clock::time_point changed = {};  ///< when a chunk was committed last
  /// Inputs a second from one commit to the next, over the last ones; 0: fewer than two commits
  /// are there to tell.
  double inputs_per_second = 0;
  /// Why it cannot be read; empty: it can, and the other members are set.
  std::string damage;
};

/// The runs in `folder` and the outputs that runs left there, by name; what is in its folders is
/// not looked at. Throws Error(io) when it cannot be listed.
LLM2CLIP_API std::vector<RunState> run_states(const std::filesystem::path& folder);

}  // namespace llm2clip
