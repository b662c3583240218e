#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "llm2clip/run.h"
#include "store/journal.h"
#include "store/run_lock.h"

namespace llm2clip {

/// Names and values that two processes must agree on to work on the same run: its facts, and what
/// RunOptions says of rows.
using RunSettings = std::vector<std::pair<std::string, std::string>>;

RunSettings settings_of(const RunOptions& options);
/// Back again; commit_rows, commit_interval and existing stay at their defaults.
RunOptions options_of(const RunSettings& settings);
/// Throws Error(io) "<path>: belongs to another run: ..." naming each setting that differs with
/// both values.
void check_same_run(const std::filesystem::path& path, const RunSettings& there,
                    const RunSettings& here);

/// `<output>.run`, or `<output>.shard-2-of-8.run`.
std::filesystem::path run_folder_path(const std::filesystem::path& output, unsigned shard,
                                      unsigned shards);

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

  /// Empty: no process got so far as to write them. Throws Error(io) when they are damaged.
  std::optional<RunSettings> read_settings() const;
  void write_settings(const RunSettings& settings) const;

  JournalContent read_journal() const;
  std::filesystem::path journal_path() const { return path_ / "journal"; }

  /// Removes files that the journal does not name: of a process that was killed while writing.
  /// Throws Error(io), as clear() and remove() do.
  void remove_strays(const std::vector<ShardRecord>& keep) const;
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
