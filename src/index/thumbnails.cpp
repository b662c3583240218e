#include "index/thumbnails.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "index/index_file.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;

struct Record {
  std::uint64_t begin;
  std::uint64_t length;
  std::uint32_t width;
  std::uint32_t height;
};
static_assert(sizeof(Record) == 24);

}  // namespace

SegmentThumbnails::SegmentThumbnails(const fs::path& folder, const IndexFile& recorded,
                                     std::uint64_t rows)
    : folder_(folder),
      recorded_(recorded),
      file_(open_index_file(folder, recorded, rows * sizeof(Record))) {}

ThumbnailView SegmentThumbnails::of_row(std::uint64_t row) const {
  const std::span<const std::byte> bytes = file_.bytes();
  Record record;
  std::memcpy(&record, bytes.data() + row * sizeof record, sizeof record);
  if (record.begin > bytes.size() || record.length > bytes.size() - record.begin ||
      std::max(record.width, record.height) > kMostThumbnailSide) {
    refuse_index(folder_, recorded_.name + " is damaged");
  }
  const auto* first = reinterpret_cast<const std::uint8_t*>(bytes.data() + record.begin);
  return {record.width, record.height, {first, record.length}};
}

void SegmentThumbnails::verify() const { verify_index_file(folder_, recorded_, file_.bytes()); }

std::optional<IndexFile> write_thumbnails(const fs::path& folder, std::uint64_t number,
                                          std::uint64_t rows, const ForEachThumbnail& for_each) {
  bool any = false;
  for_each([&](const ThumbnailView& thumbnail) { any = any || !thumbnail.jpeg.empty(); });
  if (!any) return std::nullopt;
  IndexFileWriter file(folder, "thumbnails-" + std::to_string(number));
  std::uint64_t begin = rows * sizeof(Record);
  for_each([&](const ThumbnailView& thumbnail) {
    const Record record{begin, thumbnail.jpeg.size(), thumbnail.width, thumbnail.height};
    file.write(std::as_bytes(std::span(&record, 1)));
    begin += thumbnail.jpeg.size();
  });
  for_each([&](const ThumbnailView& thumbnail) { file.write(std::as_bytes(thumbnail.jpeg)); });
  return file.commit();
}

}  // namespace llm2clip
