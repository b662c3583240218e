#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llm2clip/index.h"
#include "store/run/run_provenance.h"

namespace llm2clip {

/// Of JPEG.
inline constexpr std::uint32_t kMostThumbnailSide = 65'535;

/// A file of an index, as index.json records it.
struct IndexFile {
  std::string name;  ///< in the folder
  std::uint64_t bytes = 0;
  std::string sha256;
};

/// The rows of a segment in int8, see coarse_rows.h.
struct IndexCoarse {
  IndexFile file;
  double error = 0;  ///< the most by which one is away from the row that it stands for
};

/// Rows that were written at once.
struct IndexSegment {
  std::uint64_t rows = 0;
  IndexFile values;                        ///< .npy, (rows, dim) float16
  IndexFile ids;                           ///< see segment.h
  std::optional<IndexCoarse> coarse = {};  ///< where the index is scanned in int8
  std::optional<IndexFile> thumbnails = {};
};

/// Links among the rows below info.rows.
struct IndexGraph {
  IndexFile file;
  IndexGraphInfo info;
};

/// index.json: the one file that says what an index is. All others are named here, and none of them
/// changes: a commit writes new ones and then this one, by a rename.
struct IndexManifest {
  static constexpr const char* kFile = "index.json";

  std::uint64_t generation = 0;  ///< of the commit
  std::uint64_t dim = 0;
  std::uint64_t rows = 0;  ///< without those that were removed
  RunProvenance provenance;
  std::vector<IndexSegment> segments;
  std::optional<IndexFile> removed = {};  ///< a bit for each row of the segments
  IndexScan scan = IndexScan::float16;
  IndexKind kind = IndexKind::exact;
  std::optional<IndexGraph> graph = {};      ///< of kind hnsw alone, and not always there
  std::optional<IndexFile> containers = {};  ///< see containers.h
  /// Pixels of the longer side; 0: rows get none.
  std::uint64_t thumbnail_side = 0;
};

/// Every file that the manifest names.
std::vector<IndexFile> files_of(const IndexManifest& manifest);

/// Throws Error(unreadable_input) naming `folder` and what is wrong.
IndexManifest parse_index_manifest(const std::filesystem::path& folder, std::string_view text);

std::string index_manifest_json(const IndexManifest& manifest);

/// Throws Error(unreadable_input): "<folder>: <why>; make it again".
[[noreturn]] void refuse_index(const std::filesystem::path& folder, const std::string& why);

}  // namespace llm2clip
