#include "base/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <utility>

#include "base/file_calls.h"

namespace llm2clip {
namespace {

// Two processes agree in one of 2^64 names. Many more are somebody's doing, or a broken source of
// random numbers.
constexpr int kMostNames = 100;

// Creates a file that was not there; -1 with errno when it cannot be done.
int create_temporary(const std::filesystem::path& folder, std::filesystem::path& name) {
  int descriptor = -1;
  for (int names = 0; descriptor < 0 && names < kMostNames; ++names) {
    name = folder / temporary_name();
    do {
      descriptor = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (descriptor < 0 && errno == EINTR);
    if (descriptor < 0 && errno != EEXIST) break;
  }
  return descriptor;
}

}  // namespace

AtomicFile::AtomicFile(const std::filesystem::path& path, const std::filesystem::path& workplace)
    : path_(target_of(path)) {
  const bool elsewhere = path_ != path;  // perhaps on another file system
  descriptor_ =
      create_temporary(workplace.empty() || elsewhere ? folder_of(path_) : workplace, temporary_);
  if (descriptor_ >= 0) return;
  temporary_.clear();
  fail_io(path_, "cannot be created");
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) { write_all(descriptor_, bytes, path_); }

void AtomicFile::overwrite(std::uint64_t offset, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written =
        ::pwrite(descriptor_, text.data(), text.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_io(path_, "cannot be written");
    text.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
}

const std::filesystem::path& AtomicFile::close() {
  // A failed fsync may have dropped the bytes: the file is given up, never synced again.
  sync_file(descriptor_, path_);
  // Linux closes the descriptor even when a signal interrupts.
  if (::close(std::exchange(descriptor_, -1)) != 0 && errno != EINTR) {
    fail_io(path_, "cannot be closed");
  }
  return temporary_;
}

void AtomicFile::commit() {
  if (descriptor_ >= 0) close();
  int renamed = -1;
  do {  // network file systems may be interrupted
    renamed = ::rename(temporary_.c_str(), path_.c_str());
  } while (renamed < 0 && errno == EINTR);
  if (renamed < 0) fail_io(path_, "cannot be put in place");
  temporary_.clear();
  sync_folder(folder_of(path_));
}

}  // namespace llm2clip
