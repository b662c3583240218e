#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace llm2clip {

/// What the journal of a run says of one chunk, which is on the disk when the line is. Where two
/// hold the same input, the later one counts.
struct ChunkRecord {
  std::uint64_t first = 0;  ///< inputs first <= i < end
  std::uint64_t end = 0;
  std::uint64_t rows = 0;  ///< of them embedded; the others failed
  std::string file;        ///< name in the run's folder: "chunk-00000.safetensors"
  std::uint64_t bytes = 0;
  std::string sha256;             ///< of the file
  std::uint64_t outcomes_at = 0;  ///< where in the file its outcomes stand, see chunk_file.h
};

/// What the last line of a finished run says.
struct RunEnd {
  std::uint64_t inputs = 0;  ///< of this run
  std::uint64_t listed = 0;  ///< of the list that all shards share
  std::string list_sha256;   ///< of the ids and contents of all of them
};

/// The lines of a journal up to the first that is torn or damaged.
struct JournalContent {
  std::vector<ChunkRecord> chunks;
  std::optional<RunEnd> finished;  ///< what the last line says
  std::uint64_t good_bytes = 0;    ///< what comes after is not a line
  std::uint64_t chunk_bytes = 0;   ///< the same without the line `finished`
};

/// Reads hostile bytes: anything that is not a line as append() writes it ends the journal.
JournalContent parse_journal(std::string_view text);

/// A file of lines, each with a CRC-32 of its own, that is on the disk after every append.
class Journal {
 public:
  /// Opens or creates; cuts what comes after the good lines. Throws Error(io).
  Journal(std::filesystem::path path, const JournalContent& content);
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal();

  /// A line that says that the run is finished goes away: it is not, or ends otherwise.
  /// Throws Error(io); the journal must not be used after that.
  void append(const ChunkRecord& chunk);
  void append_finished(const RunEnd& end);

 private:
  void cut(std::uint64_t bytes);
  void append_line(const std::string& json);

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::optional<std::uint64_t> finished_at_;  // where the line begins that append() takes away
};

}  // namespace llm2clip
