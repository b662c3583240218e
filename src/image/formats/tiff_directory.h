#pragma once

#include <cstdint>
#include <initializer_list>
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
  rows_per_strip = 278,
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

/// The whole numbers of a tag, in the file where they stand: there may be millions.
class TiffNumbers {
 public:
  TiffNumbers() = default;
  TiffNumbers(std::span<const std::uint8_t> data, std::size_t bytes, bool big_endian,
              bool is_signed)
      : data_(data), bytes_(bytes), big_endian_(big_endian), signed_(is_signed) {}

  std::size_t size() const { return data_.size() / bytes_; }

  /// A negative number is the largest there is, and so beyond every limit.
  std::uint64_t operator[](std::size_t index) const;

 private:
  std::span<const std::uint8_t> data_;
  std::size_t bytes_ = 1;  // of each number
  bool big_endian_ = false;
  bool signed_ = false;
};

/// A directory of a TIFF file. Tags without values, or of a type that Pillow does not know, are
/// absent.
class TiffDirectory {
 public:
  /// The first. Nothing when the header or the directory does not lie inside `bytes`, when the
  /// values of a tag do not, or when it has more tags than libtiff takes. The result refers to
  /// `bytes`.
  static std::optional<TiffDirectory> parse(std::span<const std::uint8_t> bytes);

  /// The one that this one names as the next, under the same conditions.
  std::optional<TiffDirectory> parse_next(std::span<const std::uint8_t> bytes) const;

  bool big_endian() const { return big_endian_; }
  bool has(TiffTag tag) const { return find(tag) != nullptr; }

  /// Whether a tag stands there more than once.
  bool repeats(TiffTag tag) const;

  /// Where the next directory is; 0 after the last, nothing where that lies outside of the bytes.
  std::optional<std::uint64_t> next() const { return next_; }

  /// What the directory itself takes of the file, with the numbers of `tags` that stand elsewhere.
  std::uint64_t size_in_file(std::initializer_list<TiffTag> tags) const;

  /// Of the values of all tags.
  std::uint64_t data_bytes() const { return data_bytes_; }

  /// None for a tag that is absent or of another type. A byte is no whole number here: Pillow takes
  /// it for text.
  TiffNumbers numbers(TiffTag tag) const;

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

  bool parse_at(std::span<const std::uint8_t> bytes, std::uint64_t at);
  std::uint64_t number(std::span<const std::uint8_t> data) const;
  std::optional<Entry> parse_entry(std::span<const std::uint8_t> bytes,
                                   std::span<const std::uint8_t> entry) const;
  const Entry* find(TiffTag tag) const;

  bool big_endian_ = false;
  std::size_t offset_bytes_ = 4;  // 8 in BigTIFF
  std::optional<std::uint64_t> next_;
  std::vector<Entry> entries_;  // those that count
  std::size_t listed_ = 0;      // with those that do not
  std::uint64_t data_bytes_ = 0;
};

}  // namespace llm2clip
