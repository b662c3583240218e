#include "base/file_calls.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <random>
#include <string>
#include <system_error>
#include <vector>

#include "llm2clip/error.h"

namespace llm2clip {
namespace {

// Calls again for as long as a signal comes in between.
template <typename Call>
auto uninterrupted(Call&& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

// Closed with the object; for files that are only read, whose closing cannot lose anything.
struct FileDescriptor {
  int number;
  ~FileDescriptor() { ::close(number); }
};

}  // namespace

void fail_io(const std::filesystem::path& path, const char* action) {
  const std::string reason = std::generic_category().message(errno);
  throw Error(ErrorKind::io, path.string() + ": " + action + ": " + reason);
}

int open_file(const std::filesystem::path& path, int flags) {
  const int descriptor =
      uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0666); });
  if (descriptor < 0)
    fail_io(path, (flags & O_CREAT) != 0 ? "cannot be created" : "cannot be opened");
  return descriptor;
}

void write_all(int descriptor, std::span<const std::byte> bytes,
               const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t written =
        uninterrupted([&] { return ::write(descriptor, bytes.data(), bytes.size()); });
    if (written < 0) fail_io(path, "cannot be written");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void read_blocks(const std::filesystem::path& path,
                 const std::function<void(std::span<const std::byte>)>& take) {
  const FileDescriptor file{open_file(path, O_RDONLY)};
  std::vector<std::byte> block(64 << 10);
  while (true) {
    const ssize_t size =
        uninterrupted([&] { return ::read(file.number, block.data(), block.size()); });
    if (size < 0) fail_io(path, "cannot be read");
    if (size == 0) return;
    take(std::span(block).first(static_cast<std::size_t>(size)));
  }
}

std::string read_text(const std::filesystem::path& path) {
  std::string text;
  read_blocks(path, [&](std::span<const std::byte> block) {
    text.append(reinterpret_cast<const char*>(block.data()), block.size());
  });
  return text;
}

void sync_file(int descriptor, const std::filesystem::path& path) {
  if (uninterrupted([&] { return ::fsync(descriptor); }) != 0) {
    fail_io(path, "cannot be brought to the disk");
  }
}

void sync_folder(const std::filesystem::path& folder) {
  const int descriptor =
      uninterrupted([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (descriptor < 0) {
    if (errno == EACCES) return;  // may be written to but not listed
    fail_io(folder, "cannot be opened to bring it to the disk");
  }
  // File systems that cannot sync a folder say EINVAL.
  const bool synced = uninterrupted([&] { return ::fsync(descriptor); }) == 0 || errno == EINVAL;
  const int error = errno;
  ::close(descriptor);
  errno = error;
  if (!synced) fail_io(folder, "cannot be brought to the disk");
}

std::vector<std::filesystem::path> entries_of(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    found.push_back(entry->path());
  }
  errno = error.value();
  if (error) fail_io(folder, "cannot be listed");
  std::sort(found.begin(), found.end());
  return found;
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

std::filesystem::path target_of(const std::filesystem::path& path) {
  constexpr int kMostLinks = 40;  // as the kernel has it
  std::filesystem::path target = path;
  std::error_code error;
  for (int links = 0; std::filesystem::is_symlink(target, error); ++links) {
    if (links == kMostLinks) {
      throw Error(ErrorKind::io, path.string() + ": is a link that leads back to itself");
    }
    const std::filesystem::path next = std::filesystem::read_symlink(target, error);
    if (error) {
      errno = error.value();
      fail_io(path, "is a link that cannot be read");
    }
    target = next.is_absolute() || !target.has_parent_path() ? next : target.parent_path() / next;
  }
  return target;
}

std::string random_digits(std::size_t count) {
  thread_local std::random_device random;
  std::string digits;
  while (digits.size() < count) digits += "0123456789abcdef"[random() & 15u];
  return digits;
}

std::string temporary_name() { return ".llm2clip-" + random_digits(16) + ".tmp"; }

}  // namespace llm2clip
