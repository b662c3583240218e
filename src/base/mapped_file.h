#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace llm2clip {

/// The bytes of a file, mapped and only read: they stay for as long as the object lives, whatever
/// becomes of the name. A file that is made shorter under it ends the process (SIGBUS), so files
/// that are mapped are replaced and never changed.
class MappedFile {
 public:
  MappedFile() = default;
  /// Throws Error(io) where it is missing, no file, or cannot be mapped.
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace llm2clip
