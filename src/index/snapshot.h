#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "index/hnsw/graph.h"
#include "index/manifest.h"
#include "index/segment.h"

namespace llm2clip {

/// An index as one commit left it, its files mapped.
class Snapshot {
 public:
  /// What index.json names now. Where a writer replaces the index meanwhile, what it names then.
  /// Throws Error(unreadable_input) where there is no index, or it is damaged; Error(io).
  static Snapshot open(const std::filesystem::path& folder);
  /// Throws Error(io) when a file is gone.
  Snapshot(std::filesystem::path folder, IndexManifest manifest);

  const std::filesystem::path& folder() const { return folder_; }
  const IndexManifest& manifest() const { return manifest_; }
  std::size_t dim() const { return static_cast<std::size_t>(manifest_.dim); }
  const std::vector<Segment>& segments() const { return segments_; }
  /// The first row of segments()[i]; behind the last one, row_limit().
  std::uint64_t first_row(std::size_t segment) const { return first_rows_[segment]; }
  std::uint64_t row_limit() const { return first_rows_.back(); }

  bool is_removed(std::uint64_t row) const { return removed_[row]; }
  const RemovedRows& removed() const { return removed_; }
  std::string_view id(std::uint64_t row) const;
  std::span<const std::uint16_t> row(std::uint64_t row) const;
  InputDigest digest(std::uint64_t row) const;
  ThumbnailView thumbnail(std::uint64_t row) const;
  /// The file of the graph; empty: there is none.
  std::span<const std::byte> graph() const { return graph_file_.bytes(); }

  /// Throws Error(unreadable_input) naming a damaged file.
  void verify() const;

 private:
  // The segment of a row, and the row in it.
  std::pair<const Segment&, std::uint64_t> place(std::uint64_t row) const;
  void read_removed();
  void open_graph();

  std::filesystem::path folder_;
  IndexManifest manifest_;
  std::vector<Segment> segments_;
  MappedFile graph_file_;
  std::vector<std::uint64_t> first_rows_;
  RemovedRows removed_;
};

/// Reads index.json; empty: there is none. Throws as Snapshot::open.
std::optional<IndexManifest> read_index_manifest(const std::filesystem::path& folder);

/// Writes the bits of the rows that were removed. Throws Error(io).
IndexFile write_removed(const std::filesystem::path& folder, std::uint64_t number,
                        const RemovedRows& removed);

}  // namespace llm2clip
