#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace llm2clip {

/// The bytes of a regular file of at most `max_bytes`. Never blocks on what is no file.
/// Throws Error(unreadable_input) naming the path.
std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::uint64_t max_bytes);

}  // namespace llm2clip
