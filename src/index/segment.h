#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "index/manifest.h"
#include "index/thumbnails.h"

namespace llm2clip {

/// What tells whether the input of a row has changed: of its content and its stamp (Run::take).
/// Zeros: not known.
using InputDigest = std::array<std::byte, 16>;

/// One row for a segment that is written.
struct SegmentRow {
  std::string_view id;
  InputDigest digest;
  std::span<const std::uint16_t> values;
  ThumbnailView thumbnail = {};
};

/// A segment whose files are mapped.
///
/// The file of ids has a record of 32 bytes for each row (where the id begins in the file: 8 bytes;
/// its length: 8 bytes, little-endian; the digest), and then the ids.
class Segment {
 public:
  /// Throws Error(unreadable_input) for files of other sizes than the manifest says, and
  /// Error(io) where they cannot be opened.
  Segment(const std::filesystem::path& folder, const IndexSegment& recorded, std::size_t dim);

  std::uint64_t rows() const { return recorded_.rows; }
  const IndexSegment& recorded() const { return recorded_; }
  /// rows * dim halves.
  const std::uint16_t* values() const { return values_; }
  std::span<const std::uint16_t> row(std::uint64_t row) const {
    return {values_ + row * dim_, dim_};
  }
  /// Where the rows are in int8, too.
  bool is_coarse() const { return recorded_.coarse.has_value(); }
  /// The most by which a coarse row is away from its row.
  float coarse_error() const { return static_cast<float>(recorded_.coarse->error); }
  const std::int8_t* coarse_row(std::uint64_t row) const { return coarse_ + row * dim_; }
  float coarse_scale(std::uint64_t row) const { return scales_[row]; }
  /// Throws Error(unreadable_input) for a record that points elsewhere.
  std::string_view id(std::uint64_t row) const;
  InputDigest digest(std::uint64_t row) const;
  ThumbnailView thumbnail(std::uint64_t row) const;

  /// Throws Error(unreadable_input) where a file is not what was written.
  void verify() const;

 private:
  std::filesystem::path folder_;
  IndexSegment recorded_;
  std::size_t dim_;
  MappedFile values_file_;
  MappedFile ids_file_;
  MappedFile coarse_file_;
  std::optional<SegmentThumbnails> thumbnails_;
  const std::uint16_t* values_ = nullptr;
  const std::int8_t* coarse_ = nullptr;
  const float* scales_ = nullptr;
};

/// Where the rows of a new segment come from: `take(row)` is called for each, in order, as often as
/// the function is.
using ForEachSegmentRow = std::function<void(const std::function<void(const SegmentRow&)>& take)>;

/// Writes the files of a segment, rows-<number>.npy, ids-<number> and, where rows have them,
/// thumbnails-<number>, and brings them to the disk.
IndexSegment write_segment(const std::filesystem::path& folder, std::uint64_t number,
                           std::size_t dim, std::uint64_t rows, const ForEachSegmentRow& for_each);

}  // namespace llm2clip
