#include "image/formats/tiff_directory.h"

#include <algorithm>
#include <array>
#include <limits>

namespace llm2clip {
namespace {

// Bytes of a value by field type, TIFF 6.0 page 15 and BigTIFF; 0 for no type.
constexpr std::array<std::size_t, 19> kTypeBytes = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4,
                                                    8, 4, 8, 4, 0, 0, 8, 8, 8};

bool is_signed(std::uint16_t type) { return type == 6 || type == 8 || type == 9; }

bool is_whole_number(std::uint16_t type) {
  return type == 3 || type == 4 || type == 13 || type == 16 || is_signed(type);
}

// ImageFileDirectory_v2._load_dispatch. Pillow passes over tags of other types, and those without
// values.
bool counts_for_pillow(std::uint16_t type) { return type <= 13 || type == 16; }

// A whole number of data.size() bytes.
std::uint64_t number_of(std::span<const std::uint8_t> data, bool big_endian) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < data.size(); ++i) {
    value = value << 8 | data[big_endian ? i : data.size() - 1 - i];
  }
  return value;
}

// [offset, offset + count), or nothing where that leaves `bytes`.
std::optional<std::span<const std::uint8_t>> part(std::span<const std::uint8_t> bytes,
                                                  std::uint64_t offset, std::uint64_t count) {
  if (offset > bytes.size() || count > bytes.size() - offset) return std::nullopt;
  return bytes.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(count));
}

}  // namespace

std::uint64_t TiffNumbers::operator[](std::size_t index) const {
  const std::uint64_t value = number_of(data_.subspan(index * bytes_, bytes_), big_endian_);
  const bool negative = signed_ && (value >> (8 * bytes_ - 1)) != 0;
  return negative ? std::numeric_limits<std::uint64_t>::max() : value;
}

std::optional<TiffDirectory> TiffDirectory::parse(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < 8 || bytes[0] != bytes[1] || (bytes[0] != 'I' && bytes[0] != 'M')) {
    return std::nullopt;
  }
  TiffDirectory directory;
  directory.big_endian_ = bytes[0] == 'M';
  const bool big_tiff = directory.number(bytes.subspan(2, 2)) == 43;
  directory.offset_bytes_ = big_tiff ? 8 : 4;
  const auto start = part(bytes, big_tiff ? 8 : 4, directory.offset_bytes_);
  if (!start || !directory.parse_at(bytes, directory.number(*start))) return std::nullopt;
  return directory;
}

std::optional<TiffDirectory> TiffDirectory::parse_next(std::span<const std::uint8_t> bytes) const {
  TiffDirectory directory;
  directory.big_endian_ = big_endian_;
  directory.offset_bytes_ = offset_bytes_;
  if (!next_ || !directory.parse_at(bytes, *next_)) return std::nullopt;
  return directory;
}

bool TiffDirectory::parse_at(std::span<const std::uint8_t> bytes, std::uint64_t at) {
  constexpr std::uint64_t kMaxEntries = 4096;
  const std::size_t count_bytes = offset_bytes_ == 8 ? 8 : 2;
  const auto count = part(bytes, at, count_bytes);
  if (!count) return false;
  const std::uint64_t entries = number(*count);
  const std::size_t entry_bytes = 4 + 2 * offset_bytes_;
  if (entries > kMaxEntries) return false;
  const auto table = part(bytes, at + count_bytes, entries * entry_bytes);
  if (!table) return false;

  for (std::size_t i = 0; i < entries; ++i) {
    const auto entry = parse_entry(bytes, table->subspan(i * entry_bytes, entry_bytes));
    if (!entry) return false;
    data_bytes_ += entry->data.size();
    if (!entry->data.empty() && counts_for_pillow(entry->type)) entries_.push_back(*entry);
  }
  listed_ = entries;
  const auto next = part(bytes, at + count_bytes + entries * entry_bytes, offset_bytes_);
  if (next) next_ = number(*next);
  return true;
}

std::optional<TiffDirectory::Entry> TiffDirectory::parse_entry(
    std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> entry) const {
  const auto tag = static_cast<std::uint16_t>(number(entry.subspan(0, 2)));
  const auto type = static_cast<std::uint16_t>(number(entry.subspan(2, 2)));
  const std::uint64_t count = number(entry.subspan(4, offset_bytes_));
  const auto value = entry.subspan(4 + offset_bytes_, offset_bytes_);
  const std::size_t value_bytes = type < kTypeBytes.size() ? kTypeBytes[type] : 0;
  if (value_bytes == 0) return Entry{tag, 0, {}};
  if (count > bytes.size() / value_bytes) return std::nullopt;
  if (count * value_bytes <= offset_bytes_) {
    return Entry{tag, type, value.first(static_cast<std::size_t>(count) * value_bytes)};
  }
  const auto data = part(bytes, number(value), count * value_bytes);
  if (!data) return std::nullopt;
  return Entry{tag, type, *data};
}

bool TiffDirectory::repeats(TiffTag tag) const {
  const auto same = [&](const Entry& entry) {
    return entry.tag == static_cast<std::uint16_t>(tag);
  };
  return std::count_if(entries_.begin(), entries_.end(), same) > 1;
}

TiffNumbers TiffDirectory::numbers(TiffTag tag) const {
  const Entry* entry = find(tag);
  if (entry == nullptr || !is_whole_number(entry->type)) return {};
  return {entry->data, kTypeBytes[entry->type], big_endian_, is_signed(entry->type)};
}

std::uint64_t TiffDirectory::size_in_file(std::initializer_list<TiffTag> tags) const {
  const std::size_t count_bytes = offset_bytes_ == 8 ? 8 : 2;
  std::uint64_t size = count_bytes + listed_ * (4 + 2 * offset_bytes_) + offset_bytes_;
  for (const TiffTag tag : tags) {
    const std::size_t bytes = data(tag).size();
    if (bytes > offset_bytes_) size += bytes;
  }
  return size;
}

std::uint64_t TiffDirectory::value(TiffTag tag, std::uint64_t otherwise) const {
  const TiffNumbers found = numbers(tag);
  return found.size() == 0 ? otherwise : found[0];
}

std::span<const std::uint8_t> TiffDirectory::data(TiffTag tag) const {
  const Entry* entry = find(tag);
  return entry == nullptr ? std::span<const std::uint8_t>() : entry->data;
}

std::uint64_t TiffDirectory::number(std::span<const std::uint8_t> data) const {
  return number_of(data, big_endian_);
}

const TiffDirectory::Entry* TiffDirectory::find(TiffTag tag) const {
  // The last of several, as Pillow has it.
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (entry->tag == static_cast<std::uint16_t>(tag)) return &*entry;
  }
  return nullptr;
}

}  // namespace llm2clip
