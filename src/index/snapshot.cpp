#include "index/snapshot.h"

#include <algorithm>
#include <string>

#include "base/file_calls.h"
#include "index/index_file.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBits = 8;

}  // namespace

std::optional<IndexManifest> read_index_manifest(const fs::path& folder) {
  const fs::path path = folder / IndexManifest::kFile;
  std::error_code error;
  if (!fs::exists(path, error)) return std::nullopt;
  return parse_index_manifest(folder, read_text(path));
}

IndexFile write_removed(const fs::path& folder, std::uint64_t number, const RemovedRows& removed) {
  std::vector<std::byte> bytes((removed.size() + kBits - 1) / kBits);
  for (std::size_t row = 0; row < removed.size(); ++row) {
    if (removed[row]) bytes[row / kBits] |= std::byte{1} << (row % kBits);
  }
  IndexFileWriter file(folder, "removed-" + std::to_string(number));
  file.write(bytes);
  return file.commit();
}

Snapshot::Snapshot(fs::path folder, IndexManifest manifest)
    : folder_(std::move(folder)), manifest_(std::move(manifest)), first_rows_{0} {
  for (const IndexSegment& segment : manifest_.segments) {
    segments_.emplace_back(folder_, segment, dim());
    first_rows_.push_back(first_rows_.back() + segment.rows);
  }
  removed_.resize(row_limit());
  if (manifest_.removed) read_removed();
  if (manifest_.graph) open_graph();
  const auto gone = static_cast<std::uint64_t>(std::count(removed_.begin(), removed_.end(), true));
  if (manifest_.rows != row_limit() - gone) {
    refuse_index(folder_, "index.json has another number of rows than its files");
  }
}

void Snapshot::read_removed() {
  const IndexFile& recorded = *manifest_.removed;
  const MappedFile file(folder_ / recorded.name);
  verify_index_file(folder_, recorded, file.bytes());
  if (file.bytes().size() != (row_limit() + kBits - 1) / kBits) {
    refuse_index(folder_, recorded.name + " is of another number of rows");
  }
  for (std::size_t row = 0; row < removed_.size(); ++row) {
    removed_[row] = (file.bytes()[row / kBits] >> (row % kBits) & std::byte{1}) != std::byte{0};
  }
}

void Snapshot::open_graph() {
  const IndexGraph& recorded = *manifest_.graph;
  graph_file_ = MappedFile(folder_ / recorded.file.name);
  if (recorded.info.rows > row_limit())
    refuse_index(folder_, "has a graph of more rows than it has");
}

Snapshot Snapshot::open(const fs::path& folder) {
  std::optional<IndexManifest> manifest = read_index_manifest(folder);
  while (true) {
    if (!manifest) {
      throw Error(ErrorKind::unreadable_input,
                  folder.string() + ": is no index; llm2clip index makes one");
    }
    const std::uint64_t generation = manifest->generation;
    try {
      return {folder, std::move(*manifest)};
    } catch (const Error& error) {
      // A writer has removed files that this generation names: the next one is there then.
      if (error.kind() != ErrorKind::io) throw;
      manifest = read_index_manifest(folder);
      if (manifest && manifest->generation == generation) throw;
    }
  }
}

std::pair<const Segment&, std::uint64_t> Snapshot::place(std::uint64_t row) const {
  const auto after = std::upper_bound(first_rows_.begin(), first_rows_.end(), row);
  const auto segment = static_cast<std::size_t>(after - first_rows_.begin()) - 1;
  return {segments_[segment], row - first_rows_[segment]};
}

std::string_view Snapshot::id(std::uint64_t row) const {
  const auto [segment, at] = place(row);
  return segment.id(at);
}

std::span<const std::uint16_t> Snapshot::row(std::uint64_t row) const {
  const auto [segment, at] = place(row);
  return segment.row(at);
}

InputDigest Snapshot::digest(std::uint64_t row) const {
  const auto [segment, at] = place(row);
  return segment.digest(at);
}

ThumbnailView Snapshot::thumbnail(std::uint64_t row) const {
  const auto [segment, at] = place(row);
  return segment.thumbnail(at);
}

void Snapshot::verify() const {
  for (const Segment& segment : segments_) segment.verify();
  if (manifest_.graph) verify_index_file(folder_, manifest_.graph->file, graph());
}

}  // namespace llm2clip
