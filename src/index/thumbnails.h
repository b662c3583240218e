#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>

#include "base/mapped_file.h"
#include "index/manifest.h"
#include "llm2clip/thumbnail.h"

namespace llm2clip {

/// A thumbnail whose bytes are elsewhere. Without bytes: there is none.
struct ThumbnailView {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::span<const std::uint8_t> jpeg = {};
};

/// The thumbnails of a segment's rows, mapped.
///
/// The file has a record of 24 bytes for each row (where its JPEG begins in the file: 8 bytes; its
/// length: 8 bytes; width and height: 4 bytes each; little-endian), and then the JPEGs.
class SegmentThumbnails {
 public:
  /// Throws as Segment.
  SegmentThumbnails(const std::filesystem::path& folder, const IndexFile& recorded,
                    std::uint64_t rows);

  /// Throws Error(unreadable_input) for a record that points elsewhere.
  ThumbnailView of_row(std::uint64_t row) const;
  void verify() const;

 private:
  std::filesystem::path folder_;
  IndexFile recorded_;
  MappedFile file_;
};

/// Calls `take` with the thumbnail of each row, in order, as often as it is called.
using ForEachThumbnail =
    std::function<void(const std::function<void(const ThumbnailView& thumbnail)>& take)>;

/// Writes thumbnails-<number>, where any row has one, and brings it to the disk.
std::optional<IndexFile> write_thumbnails(const std::filesystem::path& folder, std::uint64_t number,
                                          std::uint64_t rows, const ForEachThumbnail& for_each);

}  // namespace llm2clip
