#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace llm2clip {

/// SHA-256 of a file's content, 64 hex digits. Throws Error(io).
std::string sha256_of_file(const std::filesystem::path& path);

/// SHA-256 of bytes in memory, 64 hex digits.
std::string sha256_of(std::string_view bytes);

}  // namespace llm2clip
