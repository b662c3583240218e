#pragma once

#include <cstdint>
#include <span>

#include "image/source.h"

namespace llm2clip {

/// Walks the bytes of a file from front to back. Reading past the end is refuse_truncated.
class ByteReader {
 public:
  /// `format` is named in the message about a truncated file.
  ByteReader(const Source& source, const char* format) : source_(source), format_(format) {}

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return source_.bytes.size() - position_; }

  void seek(std::uint64_t position) {
    if (position > source_.bytes.size()) refuse_truncated(source_, format_);
    position_ = static_cast<std::size_t>(position);
  }

  std::span<const std::uint8_t> take(std::uint64_t count) {
    if (count > remaining()) refuse_truncated(source_, format_);
    const auto bytes = source_.bytes.subspan(position_, static_cast<std::size_t>(count));
    position_ += bytes.size();
    return bytes;
  }

  std::uint32_t u8() { return take(1)[0]; }
  std::uint32_t be16() { return big_endian(take(2)); }
  std::uint32_t be32() { return big_endian(take(4)); }
  std::uint32_t le16() { return little_endian(take(2)); }
  std::uint32_t le24() { return little_endian(take(3)); }
  std::uint32_t le32() { return little_endian(take(4)); }

 private:
  static std::uint32_t big_endian(std::span<const std::uint8_t> bytes) {
    std::uint32_t value = 0;
    for (const std::uint8_t byte : bytes) value = value << 8 | byte;
    return value;
  }

  static std::uint32_t little_endian(std::span<const std::uint8_t> bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = bytes.size(); i > 0; --i) value = value << 8 | bytes[i - 1];
    return value;
  }

  const Source& source_;
  const char* format_;
  std::size_t position_ = 0;
};

}  // namespace llm2clip
