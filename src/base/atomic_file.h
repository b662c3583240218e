#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

namespace llm2clip {

/// A file that appears under its name whole or not at all: it is written under a temporary name,
/// and commit() gives it its own. Without commit() nothing is left behind. Where the name is a
/// link, the file it leads to is the one that is written.
///
/// Temporary names are random: whoever has the same number in another container, or had it before,
/// is another process. One that is killed leaves its file; nobody can tell it from that of a
/// process at work, but in the folder of a run, whose lock says that there is none.
///
/// Every member but the destructor throws Error(io) naming the final path and what the system says.
class AtomicFile {
 public:
  /// The temporary file stands in `workplace`, on the same file system; empty, or for a name that
  /// is a link: the folder of the file.
  explicit AtomicFile(const std::filesystem::path& path,
                      const std::filesystem::path& workplace = {});
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  /// Replaces bytes that were written already.
  void overwrite(std::uint64_t offset, std::string_view text);
  /// Brings the bytes to the disk and ends the writing; returns where they stand until commit().
  const std::filesystem::path& close();
  /// close() where it was not called, then renames and brings the folder's entry to the disk.
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
};

}  // namespace llm2clip
