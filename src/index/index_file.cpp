#include "index/index_file.h"

#include <utility>

namespace llm2clip {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

}  // namespace

IndexFileWriter::IndexFileWriter(const fs::path& folder, std::string name)
    : name_(std::move(name)), file_(folder / name_) {}

void IndexFileWriter::write(std::span<const std::byte> bytes) {
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  if (buffer_.size() >= kBufferBytes) flush();
}

void IndexFileWriter::flush() {
  hash_.add(buffer_.data(), buffer_.size());
  file_.write(buffer_);
  bytes_ += buffer_.size();
  buffer_.clear();
}

IndexFile IndexFileWriter::commit() {
  flush();
  file_.commit();
  return {name_, bytes_, hash_.hex()};
}

MappedFile open_index_file(const fs::path& folder, const IndexFile& file, std::uint64_t least) {
  MappedFile mapped(folder / file.name);
  if (mapped.bytes().size() != file.bytes || file.bytes < least) {
    refuse_index(folder, file.name + " has " + std::to_string(mapped.bytes().size()) +
                             " bytes, other than were written");
  }
  return mapped;
}

void verify_index_file(const fs::path& folder, const IndexFile& file,
                       std::span<const std::byte> bytes) {
  if (bytes.size() == file.bytes && sha256_of_bytes(bytes) == file.sha256) return;
  refuse_index(folder, file.name + " is damaged");
}

}  // namespace llm2clip
