#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "store/run/journal.h"
#include "store/run/run_lock.h"
#include "store/run/run_provenance.h"

namespace llm2clip {

/// `<output>.run`, or `<output>.shard-2-of-8.run`.
std::filesystem::path run_folder_path(const std::filesystem::path& output, unsigned shard,
                                      unsigned shards);

/// The file of a run's provenance.
std::filesystem::path provenance_path(const std::filesystem::path& folder);
std::filesystem::path journal_path(const std::filesystem::path& folder);

/// Where a run keeps what is done. While an object lives no other process has one of the same
/// folder.
class RunFolder {
 public:
  /// Makes the folder where it is missing, and locks it. Throws Error(io) naming the process that
  /// holds it.
  explicit RunFolder(std::filesystem::path path);

  const std::filesystem::path& path() const { return path_; }
  /// Before each commit: throws Error(io) when another process has taken the folder (RunLock).
  void check_lock() const { lock_.check(); }
  std::string lock_warning() const { return lock_.warning(); }

  /// Empty: no process got so far as to write them. Throws Error(io) when they are damaged, or of
  /// another format.
  std::optional<RunProvenance> read_provenance() const;
  void write_provenance(const RunProvenance& provenance) const;

  JournalContent read_journal() const;

  /// Removes files that the journal does not name: of a process that was killed while writing.
  /// Throws Error(io), as clear() and remove() do.
  void remove_strays(const std::vector<ChunkRecord>& keep) const;
  /// Throws Error(io) where files of somebody else stand in a folder that no run has begun in.
  void check_ours() const;
  /// Removes everything that was done.
  void clear() const;
  /// Removes the folder. The journal goes last: it says whether the run was finished, and with it
  /// a later process may remove what this one could not.
  void remove();

 private:
  std::filesystem::path path_;
  RunLock lock_;
};

}  // namespace llm2clip
