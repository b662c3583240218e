#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace llm2clip {

/// One thing that bounds what this process may still take. Bytes.
struct MemoryBound {
  std::string of;            ///< "the machine", "control group /a/b", "RLIMIT_AS"
  std::uint64_t likely = 0;  ///< free now, or given back by the system at once
  std::uint64_t most = 0;    ///< more than this certainly cannot be had, whatever else is given up
};

/// What bounds this process. Empty where the system does not tell.
struct FreeMemory {
  std::vector<MemoryBound> memory;     ///< of pages that are written to
  std::vector<MemoryBound> addresses;  ///< of all mappings, those of files too

  /// The least `likely` of all, or the largest number where nothing bounds it.
  std::uint64_t likely() const;
};

/// Reads /proc and the control groups of this process (v1 and v2, and all groups above) from the
/// tree under `root`.
///
/// Note [What is free]: pages of files and reclaimable slabs count as free, since the system drops
/// them on demand, unless they are dirty. Shared memory stands in the page cache and cannot be
/// dropped. `likely` counts on no swap. `most` leaves out nothing but anonymous and shared memory
/// that swap has no room for, so that it holds even where caches hide (ZFS counts its own as used).
/// Where the group cannot be found for certain, its `most` is the largest number.
FreeMemory free_memory(const std::filesystem::path& root = "/");

}  // namespace llm2clip
