#pragma once

#include <caffe2/serialize/read_adapter_interface.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "base/stored_file.h"
#include "encoder/archive/archive_directory.h"

namespace llm2clip {

/// The bytes of an archive: a file mapped into memory, private and writable, so that writes never
/// reach the file; or memory of the program's, which is only read.
class ArchiveBytes {
 public:
  /// Throws Error(bad_model) when the file is missing, empty or not a regular file, and
  /// Error(out_of_memory) when the process has no addresses or no memory for it.
  explicit ArchiveBytes(const StoredFile& file);
  ~ArchiveBytes();
  ArchiveBytes(const ArchiveBytes&) = delete;
  ArchiveBytes& operator=(const ArchiveBytes&) = delete;

  /// Lets go of the memory behind bytes that will not be read again soon; they are read from the
  /// file when they are. Ignores what lies outside the mapping.
  void forget(const void* start, std::size_t bytes) const;

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  std::span<const std::byte> bytes() const { return {data_, size_}; }
  /// Whether a program may write to them.
  bool writable() const { return mapped_; }

 private:
  void map(const std::filesystem::path& path);

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  bool mapped_ = false;
};

/// Answers LibTorch's reads of a TorchScript archive from its bytes, and copies no weights: a read
/// of a whole data record of 64 KB or more is only noted. The buffer it was meant for stays
/// untouched, so it takes no memory, and is replaced afterwards by the bytes of the archive.
class ArchiveReader final : public caffe2::serialize::ReadAdapterInterface {
 public:
  /// A read that was noted instead of done.
  struct PendingRead {
    const void* buffer;
    std::uint64_t offset;
    std::size_t bytes;
  };

  /// `defer` false: every read is done, as torch::jit::load would.
  /// Throws Error(bad_model) when a weight is not aligned to 64 bytes.
  ArchiveReader(std::shared_ptr<const ArchiveBytes> file, std::span<const ArchiveEntry> entries,
                const std::filesystem::path& path, bool defer);

  std::size_t size() const override { return file_->size(); }
  std::size_t read(std::uint64_t pos, void* buffer, std::size_t bytes,
                   const char* what) const override;

  const std::vector<PendingRead>& pending() const { return pending_; }

 private:
  struct Record {
    std::uint64_t offset;
    std::size_t bytes;
  };

  std::shared_ptr<const ArchiveBytes> file_;
  std::vector<Record> weights_;  // data records worth deferring, by offset
  mutable std::vector<PendingRead> pending_;
};

}  // namespace llm2clip
