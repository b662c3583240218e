#include "image/read_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <span>
#include <string>
#include <system_error>

#include "image/file_format.h"
#include "image/source.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

// Enough to name what is no image.
constexpr std::size_t kHeadBytes = 64 << 10;

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

// "cannot be opened: no such file or directory", in the words of the C library. What the system
// lacks is no fault of the file.
[[noreturn]] void refuse_errno(const std::filesystem::path& path, const char* what, int error) {
  if (error == ENOMEM) throw std::bad_alloc();
  if (error == EMFILE || error == ENFILE) {
    throw Error(ErrorKind::io,
                path.string() + ": " + what + ": " + std::generic_category().message(error));
  }
  refuse(path, std::string(what) + ": " + std::generic_category().message(error));
}

void check_kind(const std::filesystem::path& path, const struct stat& status) {
  if (S_ISDIR(status.st_mode)) refuse(path, "is a folder, an image file is expected");
  if (!S_ISREG(status.st_mode)) {
    refuse(path, "is not a regular file (a pipe, socket or device); an image file is expected");
  }
}

// Fills `bytes` from `done` on, as far as the file reaches; the number of bytes that are there
// then.
std::size_t read_up_to(const std::filesystem::path& path, const File& file, std::size_t done,
                       std::span<std::uint8_t> bytes) {
  while (done < bytes.size()) {
    const ssize_t read = ::read(file.descriptor(), bytes.data() + done, bytes.size() - done);
    if (read < 0 && errno == EINTR) continue;
    if (read < 0) refuse_errno(path, "cannot be read", errno);
    if (read == 0) break;
    done += static_cast<std::size_t>(read);
  }
  return done;
}

}  // namespace

std::vector<std::uint8_t> read_file(const std::filesystem::path& path, const ReadOptions& options) {
  const File file(path);
  // Sockets cannot be opened at all.
  if (file.descriptor() < 0 && errno != ENXIO) refuse_errno(path, "cannot be opened", errno);
  struct stat status{};
  const int failed =
      file.descriptor() < 0 ? ::stat(path.c_str(), &status) : ::fstat(file.descriptor(), &status);
  if (failed != 0) refuse_errno(path, "cannot be looked at", errno);
  check_kind(path, status);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  check_file_size(path.string(), size, options);

  // One byte more than announced, to see that the file ends there.
  const std::size_t announced = static_cast<std::size_t>(size) + 1;
  std::vector<std::uint8_t> bytes(std::min(announced, kHeadBytes));
  std::size_t done = read_up_to(path, file, 0, bytes);
  if (!file_format(std::span(bytes).first(done))) {
    refuse(path, describe_other_file(std::span(bytes).first(done)));
  }
  if (options.reserve) options.reserve(announced);
  bytes.resize(announced);
  done = read_up_to(path, file, done, bytes);
  if (done == bytes.size()) refuse(path, "grows while it is read; try again when it is complete");
  bytes.resize(done);
  return bytes;
}

}  // namespace llm2clip
