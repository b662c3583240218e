#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace llm2clip {

/// What the journal of a run says of one shard, which is on the disk when the line is.
struct ShardRecord {
  std::uint64_t first = 0;  ///< inputs first <= i < end
  std::uint64_t end = 0;
  std::uint64_t rows = 0;  ///< of them embedded; the others failed
  std::string file;        ///< name in the run's folder
  std::uint64_t bytes = 0;
  std::string sha256;         ///< of the file
  std::string inputs_sha256;  ///< of the digests of the inputs, one after the other
};

/// The lines of a journal up to the first that is torn or damaged.
struct JournalContent {
  std::vector<ShardRecord> shards;
  bool finished = false;         ///< the last line says so
  std::uint64_t good_bytes = 0;  ///< what comes after is not a line
};

/// Reads hostile bytes: anything that is not a line as append() writes it ends the journal.
JournalContent parse_journal(std::string_view text);

/// A file of lines, each with a CRC-32 of its own, that is on the disk after every append.
class Journal {
 public:
  /// Opens or creates; cuts what comes after `good_bytes`. Throws Error(io).
  Journal(std::filesystem::path path, std::uint64_t good_bytes);
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal();

  /// Throws Error(io); the journal must not be used after that.
  void append(const ShardRecord& shard);
  void append_finished();

 private:
  void append_line(const std::string& json);

  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace llm2clip
