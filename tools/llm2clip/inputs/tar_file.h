#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llm2clip/error.h"

struct archive;

namespace llm2clip::cli {

/// Whether a name ends as tar archives do: .tar .tar.gz .tgz .tar.zst, in any case.
bool has_tar_ending(std::string_view name);

struct TarMember {
  std::string name;    // as the archive has it; a name only, nothing is written to disk
  std::uint64_t size;  // bytes
  bool plain_file;     // no folder, link, device, nor a file with holes
};

/// The members of a tar archive (ustar, pax, GNU; plain or through gzip or Zstandard), one after
/// the other.
class TarFile {
 public:
  /// Throws Error(unreadable_input) when there is no such file, or it is no tar archive.
  explicit TarFile(const std::string& path);
  TarFile(const TarFile&) = delete;
  TarFile& operator=(const TarFile&) = delete;
  ~TarFile();

  /// Throws Error(unreadable_input) for an archive that ends early or is damaged; nothing can be
  /// read from it after that.
  std::optional<TarMember> next();
  /// The content of the member that next() gave. `size` is its size; memory grows with what is
  /// there and not with what is announced. Throws as next() does.
  std::vector<std::uint8_t> read(std::uint64_t size);

 private:
  Error broken() const;
  bool has_end_mark() const;

  std::string path_;
  archive* archive_;
  std::size_t members_ = 0;
};

}  // namespace llm2clip::cli
