#include "index/segment.h"

#include <cstring>
#include <utility>

#include "index/coarse_rows.h"
#include "index/index_file.h"
#include "store/npy.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;

struct IdRecord {
  std::uint64_t begin;
  std::uint64_t length;
  InputDigest digest;
};
static_assert(sizeof(IdRecord) == 32);

template <typename T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

IdRecord record_of(std::span<const std::byte> ids, std::uint64_t row) {
  IdRecord record;
  std::memcpy(&record, ids.data() + row * sizeof record, sizeof record);
  return record;
}

IndexFile write_ids(const fs::path& folder, std::string name, std::uint64_t rows,
                    const ForEachSegmentRow& for_each) {
  IndexFileWriter file(folder, std::move(name));
  std::uint64_t begin = rows * sizeof(IdRecord);
  for_each([&](const SegmentRow& row) {
    file.write(bytes_of(IdRecord{begin, row.id.size(), row.digest}));
    begin += row.id.size();
  });
  for_each([&](const SegmentRow& row) { file.write(std::as_bytes(std::span(row.id))); });
  return file.commit();
}

IndexFile write_values(const fs::path& folder, std::string name, std::uint64_t rows,
                       std::size_t dim, const ForEachSegmentRow& for_each) {
  IndexFileWriter file(folder, std::move(name));
  const std::array<std::size_t, 2> shape = {rows, dim};
  const std::string header = npy_header("<f2", shape);
  file.write(std::as_bytes(std::span(header)));
  for_each([&](const SegmentRow& row) { file.write(std::as_bytes(row.values)); });
  return file.commit();
}

}  // namespace

Segment::Segment(const fs::path& folder, const IndexSegment& recorded, std::size_t dim)
    : folder_(folder),
      recorded_(recorded),
      dim_(dim),
      values_file_(open_index_file(folder, recorded.values,
                                   kNpyHeaderBytes + recorded.rows * dim * sizeof(std::uint16_t))),
      ids_file_(open_index_file(folder, recorded.ids, recorded.rows * sizeof(IdRecord))),
      // The head is a multiple of 64 bytes, and a mapping begins at a page.
      values_(
          reinterpret_cast<const std::uint16_t*>(values_file_.bytes().data() + kNpyHeaderBytes)) {
  if (recorded_.thumbnails) thumbnails_.emplace(folder_, *recorded_.thumbnails, recorded_.rows);
  if (!recorded_.coarse) return;
  const std::uint64_t bytes = coarse_bytes(recorded_.rows, dim_);
  coarse_file_ = open_index_file(folder_, recorded_.coarse->file, bytes);
  const std::byte* const first = coarse_file_.bytes().data();
  coarse_ = reinterpret_cast<const std::int8_t*>(first);
  scales_ = reinterpret_cast<const float*>(first + bytes - recorded_.rows * sizeof(float));
}

std::string_view Segment::id(std::uint64_t row) const {
  const std::span<const std::byte> bytes = ids_file_.bytes();
  const IdRecord record = record_of(bytes, row);
  if (record.begin > bytes.size() || record.length > bytes.size() - record.begin) {
    refuse_index(folder_, recorded_.ids.name + " is damaged");
  }
  return {reinterpret_cast<const char*>(bytes.data()) + record.begin, record.length};
}

InputDigest Segment::digest(std::uint64_t row) const {
  return record_of(ids_file_.bytes(), row).digest;
}

ThumbnailView Segment::thumbnail(std::uint64_t row) const {
  return thumbnails_ ? thumbnails_->of_row(row) : ThumbnailView();
}

void Segment::verify() const {
  verify_index_file(folder_, recorded_.values, values_file_.bytes());
  verify_index_file(folder_, recorded_.ids, ids_file_.bytes());
  if (recorded_.coarse) {
    verify_index_file(folder_, recorded_.coarse->file, coarse_file_.bytes());
  }
  if (thumbnails_) thumbnails_->verify();
}

IndexSegment write_segment(const fs::path& folder, std::uint64_t number, std::size_t dim,
                           std::uint64_t rows, const ForEachSegmentRow& for_each) {
  const std::string suffix = std::to_string(number);
  IndexSegment segment{.rows = rows, .values = {}, .ids = {}};
  segment.values = write_values(folder, "rows-" + suffix + ".npy", rows, dim, for_each);
  segment.ids = write_ids(folder, "ids-" + suffix, rows, for_each);
  segment.thumbnails = write_thumbnails(folder, number, rows, [&](const auto& take) {
    for_each([&](const SegmentRow& row) { take(row.thumbnail); });
  });
  return segment;
}

}  // namespace llm2clip
