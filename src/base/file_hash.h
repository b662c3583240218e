#pragma once

#include <functional>
#include <string>

#include "base/stored_file.h"

namespace llm2clip {

/// Throws Error(bad_model) naming both hashes when the content of `file` is not `expected`.
///
/// Hashing 15 GB takes seconds, so a large file that was found right once is not read again while
/// device, inode, size and both of its times stay the same. The record of it is a small file under
/// $XDG_CACHE_HOME/llm2clip (or ~/.cache/llm2clip); where that cannot be written, every load
/// hashes, as it does what is in memory. `always` ignores the record. `before_block` as for
/// sha256_of_file.
void check_sha256(const StoredFile& file, const std::string& expected, bool always,
                  const std::function<void()>& before_block = {});

}  // namespace llm2clip
