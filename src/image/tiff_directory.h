#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace llm2clip {

/// The tags this library looks at.
enum class TiffTag : std::uint16_t {
  width = 256,
  height = 257,
  bits_per_sample = 258,
  compression = 259,
  photometric = 262,
  fill_order = 266,
  strip_offsets = 273,
  orientation = 274,
  samples_per_pixel = 277,
  strip_byte_counts = 279,
  planar_configuration = 284,
  color_map = 320,
  tile_width = 322,
  tile_height = 323,
  tile_offsets = 324,
  tile_byte_counts = 325,
  extra_samples = 338,
  sample_format = 339,
  xmp = 700,
  windows_media_photo = 0xbc01,
};

/// The first directory of a TIFF file or of an EXIF block, which has the same form.
class TiffDirectory {
 public:
  /// Nothing when the header or the directory does not lie inside `bytes`, or when the values of a
  /// tag do not. The result refers to `bytes`.
  static std::optional<TiffDirectory> parse(std::span<const std::uint8_t> bytes);

  bool big_endian() const { return big_endian_; }
  bool has(TiffTag tag) const { return find(tag) != nullptr; }

  /// All whole numbers of a tag; empty for a tag that is absent or of another type.
  std::vector<std::uint64_t> values(TiffTag tag) const;

  /// The first of them.
  std::uint64_t value(TiffTag tag, std::uint64_t otherwise) const;

  /// The bytes of a tag as they stand.
  std::span<const std::uint8_t> data(TiffTag tag) const;

 private:
  struct Entry {
    std::uint16_t tag;
    std::uint16_t type;
    std::span<const std::uint8_t> data;
  };

  // A whole number of data.size() bytes in the byte order of the file.
  std::uint64_t number(std::span<const std::uint8_t> data) const;
  std::optional<Entry> parse_entry(std::span<const std::uint8_t> bytes,
                                   std::span<const std::uint8_t> entry) const;
  const Entry* find(TiffTag tag) const;

  bool big_endian_ = false;
  std::size_t offset_bytes_ = 4;  // 8 in BigTIFF
  std::vector<Entry> entries_;
};

}  // namespace llm2clip
