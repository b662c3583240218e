#include "encoder/archive/archive.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "llm2clip/error.h"

namespace llm2clip {
namespace {

// Below this a copy costs less than the bookkeeping.
constexpr std::size_t kSmallestDeferredRead = 64 << 10;
// PyTorch writes records at multiples of this, which vector loads of the bound weights rely on.
constexpr std::uint64_t kRecordAlignment = 64;

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& why) {
  throw Error(ErrorKind::bad_model, path.string() + ": " + why);
}

// What the system lacks is no fault of the model.
[[noreturn]] void refuse_errno(const std::filesystem::path& path, const char* what, int error) {
  const std::string message = std::string(what) + ": " + std::generic_category().message(error);
  if (error != ENOMEM) refuse(path, message);
  throw Error(ErrorKind::out_of_memory,
              path.string() + ": " + message +
                  "; raise the limit on address space (ulimit -v), or free "
                  "memory");
}

std::size_t read_mapping(const MappedFile& file, std::uint64_t pos, void* buffer,
                         std::size_t bytes) {
  if (pos >= file.size()) return 0;
  const std::size_t count = std::min<std::size_t>(bytes, file.size() - pos);
  std::memcpy(buffer, file.data() + pos, count);
  return count;
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) refuse_errno(path, "cannot be opened", errno);
  struct stat status{};
  const bool regular = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  size_ = regular ? static_cast<std::size_t>(status.st_size) : 0;
  void* address = MAP_FAILED;
  if (size_ > 0) {
    address =
        ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, descriptor, 0);
  }
  const int map_error = errno;
  ::close(descriptor);
  if (!regular) refuse(path, "is not a regular file");
  if (size_ == 0) refuse(path, "is empty");
  if (address == MAP_FAILED) refuse_errno(path, "cannot be mapped", map_error);
  data_ = static_cast<std::byte*>(address);
}

void MappedFile::forget(const void* start, std::size_t bytes) const {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto* first = static_cast<const std::byte*>(start);
  if (first < data_ || first + bytes > data_ + size_) return;
  // Whole pages inside: neighbors may still be in use.
  const std::size_t begin = (static_cast<std::size_t>(first - data_) + page - 1) / page * page;
  const std::size_t end = static_cast<std::size_t>(first - data_ + bytes) / page * page;
  if (begin < end) ::madvise(data_ + begin, end - begin, MADV_DONTNEED);
}

MappedFile::~MappedFile() { ::munmap(data_, size_); }

ArchiveReader::ArchiveReader(std::shared_ptr<const MappedFile> file,
                             std::span<const ArchiveEntry> entries,
                             const std::filesystem::path& path, bool defer)
    : file_(std::move(file)) {
  for (const ArchiveEntry& entry : entries) {
    // constants/ hold tensors that the code itself uses; they are small and never bound.
    if (!entry.name.starts_with("data/")) continue;
    if (entry.offset % kRecordAlignment != 0) {
      refuse(path, "record " + entry.name + " is not aligned to 64 bytes; export the model again");
    }
    if (defer && entry.bytes >= kSmallestDeferredRead) {
      weights_.push_back({entry.offset, static_cast<std::size_t>(entry.bytes)});
    }
  }
  std::sort(weights_.begin(), weights_.end(),
            [](const Record& a, const Record& b) { return a.offset < b.offset; });
}

std::size_t ArchiveReader::read(std::uint64_t pos, void* buffer, std::size_t bytes,
                                const char* /*what*/) const {
  const auto record =
      std::lower_bound(weights_.begin(), weights_.end(), pos,
                       [](const Record& r, std::uint64_t offset) { return r.offset < offset; });
  if (record != weights_.end() && record->offset == pos && record->bytes == bytes) {
    pending_.push_back({buffer, pos, bytes});
    return bytes;
  }
  return read_mapping(*file_, pos, buffer, bytes);
}

}  // namespace llm2clip
