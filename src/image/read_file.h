#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "llm2clip/image.h"

namespace llm2clip {

/// The bytes of a regular file that starts like an image and is within the limits. Never blocks on
/// what is no file, and of what is no image reads the first kilobytes only.
/// Throws Error(unreadable_input) naming the path.
std::vector<std::uint8_t> read_file(const std::filesystem::path& path, const ReadOptions& options);

}  // namespace llm2clip
