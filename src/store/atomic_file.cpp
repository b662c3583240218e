#include "store/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <string>
#include <utility>

#include "store/file_calls.h"

namespace llm2clip {
namespace {

std::filesystem::path temporary_name(const std::filesystem::path& folder) {
  static std::atomic<unsigned> counter = 0;
  return folder /
         (".llm2clip-" + std::to_string(::getpid()) + "-" + std::to_string(counter++) + ".tmp");
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path, const std::filesystem::path& workplace)
    : path_(std::move(path)) {
  temporary_ = temporary_name(workplace.empty() ? folder_of(path_) : workplace);
  do {
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (descriptor_ < 0 && errno == EINTR);
  if (descriptor_ < 0) fail_io(path_, "cannot be created");
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
