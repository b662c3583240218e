#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "base/mapped_file.h"
#include "base/sha256.h"
#include "index/manifest.h"

namespace llm2clip {

/// Writes one file of an index.
class IndexFileWriter {
 public:
  IndexFileWriter(const std::filesystem::path& folder, std::string name);
  void write(std::span<const std::byte> bytes);
  IndexFile commit();

 private:
  void flush();

  std::string name_;
  AtomicFile file_;
  Sha256 hash_;
  std::uint64_t bytes_ = 0;
  std::vector<std::byte> buffer_;
};

/// Throws Error(unreadable_input) for a file of another size than index.json says, or of fewer
/// bytes than `least`; Error(io) where it cannot be opened.
MappedFile open_index_file(const std::filesystem::path& folder, const IndexFile& file,
                           std::uint64_t least);

/// Throws Error(unreadable_input) unless `bytes` are those of the file.
void verify_index_file(const std::filesystem::path& folder, const IndexFile& file,
                       std::span<const std::byte> bytes);

}  // namespace llm2clip
