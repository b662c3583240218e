#pragma once

#include <filesystem>

namespace llm2clip {

/// Throws Error(invalid_argument) when `path` has an ending that write_rows does not know, and as
/// detail::check_output_path.
void check_embeddings_path(const std::filesystem::path& path);

}  // namespace llm2clip
