#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace llm2clip {

/// One file inside a TorchScript archive.
struct ArchiveEntry {
  std::string name;          ///< without the archive's root folder: "data/0", "code/__torch__.py"
  std::uint64_t offset = 0;  ///< of its bytes in the archive
  std::uint64_t bytes = 0;   ///< of its content
  std::uint64_t stored_bytes = 0;
  bool deflated = false;  ///< code only, which PyTorch compresses
  std::uint32_t crc = 0;  ///< CRC-32 of the content
};

/// The directory of a zip file as PyTorch writes it, read from hostile bytes: everything but code
/// stored and not compressed, all in one root folder, back to back from the first byte, and named
/// once; central directory and local headers agree, and every byte belongs to one of them.
/// Whatever two readers could understand in two ways is refused. Throws Error(bad_model) "<path>:
/// <what is wrong>".
std::vector<ArchiveEntry> read_archive_directory(std::span<const std::byte> archive,
                                                 const std::filesystem::path& path);

/// The content of an entry that is no weight: code or a pickle.
/// Throws Error(bad_model) when it is larger than code can be, or its compressed form is damaged.
std::string content_of(std::span<const std::byte> archive, const ArchiveEntry& entry,
                       const std::filesystem::path& path);

}  // namespace llm2clip
