#include "image/read_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "llm2clip/error.h"

namespace llm2clip {
namespace {

class File {
 public:
  // O_NONBLOCK: opening a pipe without a writer would wait for one.
  explicit File(const std::filesystem::path& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& message) {
  throw Error(ErrorKind::unreadable_input, path.string() + ": " + message);
}

// "cannot be opened: no such file or directory", in the words of the C library.
[[noreturn]] void refuse_errno(const std::filesystem::path& path, const char* what, int error) {
  refuse(path, std::string(what) + ": " + std::generic_category().message(error));
}

void check_kind(const std::filesystem::path& path, const struct stat& status) {
  if (S_ISDIR(status.st_mode)) refuse(path, "is a folder, an image file is expected");
  if (!S_ISREG(status.st_mode)) {
    refuse(path, "is not a regular file (a pipe, socket or device); an image file is expected");
  }
}

void check_size(const std::filesystem::path& path, std::uint64_t size, std::uint64_t max_bytes) {
  if (size <= max_bytes) return;
  refuse(path, "has " + std::to_string(size) + " bytes, limit " + std::to_string(max_bytes) +
                   "; no image of a sensible size needs more");
}

}  // namespace

std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  const File file(path);
  // Sockets cannot be opened at all.
  if (file.descriptor() < 0 && errno != ENXIO) refuse_errno(path, "cannot be opened", errno);
  struct stat status {};
  const int failed =
      file.descriptor() < 0 ? ::stat(path.c_str(), &status) : ::fstat(file.descriptor(), &status);
  if (failed != 0) refuse_errno(path, "cannot be looked at", errno);
  check_kind(path, status);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  check_size(path, size, max_bytes);

  // One byte more than announced, to see that the file ends there.
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size) + 1);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t read = ::read(file.descriptor(), bytes.data() + done, bytes.size() - done);
    if (read < 0 && errno == EINTR) continue;
    if (read < 0) refuse_errno(path, "cannot be read", errno);
    if (read == 0) break;
    done += static_cast<std::size_t>(read);
  }
  if (done == bytes.size()) refuse(path, "grows while it is read; try again when it is complete");
  bytes.resize(done);
  return bytes;
}

}  // namespace llm2clip
