#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace llm2clip {

/// SHA-256 of a file's content, 64 hex digits. Throws Error(io), and what `before_block` throws, which
/// is called before each of the blocks that are read.
std::string sha256_of_file(const std::filesystem::path& path,
                           const std::function<void()>& before_block = {});

/// SHA-256 of bytes in memory, 64 hex digits.
std::string sha256_of(std::string_view bytes);

}  // namespace llm2clip
