#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <utility>

namespace llm2clip {

/// A file on the disk, or one whose bytes a program holds in memory.
struct StoredFile {
  StoredFile() = default;
  StoredFile(std::filesystem::path on_disk) : path(std::move(on_disk)) {}
  StoredFile(std::filesystem::path name, std::span<const std::byte> in_memory)
      : path(std::move(name)), bytes(in_memory) {}

  std::filesystem::path path;  ///< of what is in memory, its name: for messages
  std::optional<std::span<const std::byte>> bytes = {};  ///< of what is in memory
};

}  // namespace llm2clip
