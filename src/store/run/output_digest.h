#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace llm2clip {

/// What a `.run.json` says of an output, to tell whether it is the one that was written.
struct OutputDigest {
  std::uint64_t bytes = 0;  ///< of a folder: of all its files
  std::string sha256;       ///< of a folder: over the names and SHA-256 of its files

  bool operator==(const OutputDigest&) const = default;
};

/// Throw Error(io).
OutputDigest digest_of_output(const std::filesystem::path& path);
std::uint64_t bytes_of_output(const std::filesystem::path& path);

}  // namespace llm2clip
