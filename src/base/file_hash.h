#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace llm2clip {

/// Throws Error(bad_model) naming both hashes when the content of `path` is not `expected`.
///
/// Hashing 15 GB takes seconds, so a large file that was found right once is not read again while
/// device, inode, size and both of its times stay the same. The record of it is a small file under
/// $XDG_CACHE_HOME/llm2clip (or ~/.cache/llm2clip); where that cannot be written, every load
/// hashes. `always` ignores the record. `before_block` as for sha256_of_file.
void check_sha256(const std::filesystem::path& path, const std::string& expected, bool always,
                  const std::function<void()>& before_block = {});

}  // namespace llm2clip
