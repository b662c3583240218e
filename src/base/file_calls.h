#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace llm2clip {

// The system calls that reading and writing files is made of. A signal that interrupts one, and a
// write that takes only a part, are nobody's business outside; everything else is Error(io), naming
// the file, what was tried, and what the system says.

/// Throws Error(io) "<path>: <action>: <errno in words>".
[[noreturn]] void fail_io(const std::filesystem::path& path, const char* action);

/// open with O_CLOEXEC, 0666.
int open_file(const std::filesystem::path& path, int flags);

void write_all(int descriptor, std::span<const std::byte> bytes, const std::filesystem::path& path);

/// The bytes of a file from its start to its end, a block at a time.
void read_blocks(const std::filesystem::path& path,
                 const std::function<void(std::span<const std::byte>)>& take);

/// All of them.
std::string read_text(const std::filesystem::path& path);

/// fsync. It is never tried again: a failed one may have dropped the bytes.
void sync_file(int descriptor, const std::filesystem::path& path);

/// Brings the entries of a folder to the disk: a rename is there when its folder is.
void sync_folder(const std::filesystem::path& folder);

/// What stands in a folder, sorted by name.
std::vector<std::filesystem::path> entries_of(const std::filesystem::path& folder);

/// The folder that `path` stands in.
std::filesystem::path folder_of(const std::filesystem::path& path);

/// The file that `path` names when links are followed, whether it is there or not: what is to be
/// replaced, where a rename to `path` would replace the link. Throws Error(io) for links that lead
/// in a circle.
std::filesystem::path target_of(const std::filesystem::path& path);

/// `count` hexadecimal digits that no other process has, whatever its number and its clock.
std::string random_digits(std::size_t count);

/// What a file or folder is called until it is whole. No two share a name but in one of 2^64 cases.
std::string temporary_name();

}  // namespace llm2clip
