#pragma once

// What the command line shares with the library, as command_line.h.

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "llm2clip/export.h"

namespace llm2clip::detail {

/// What is about the rows of a file.
struct RowsOfFile {
  std::size_t rows = 0;
  std::size_t dim = 0;
  std::vector<std::pair<std::string, std::string>> provenance;
};

/// As read_embeddings, one row after the other: of a .npy file no more than a row is in memory.
/// `begin` is called before the first one.
LLM2CLIP_API void read_rows(
    const std::filesystem::path& path, const std::function<void(const RowsOfFile& about)>& begin,
    const std::function<void(const std::string& id, std::span<const float> row)>& take);

}  // namespace llm2clip::detail
