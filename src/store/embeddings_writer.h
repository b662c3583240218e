#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "llm2clip/embeddings.h"
#include "llm2clip/embeddings_file.h"

namespace llm2clip {

using TakeRows = std::function<void(std::span<const std::string> ids, const Embeddings& rows)>;

/// Rows and their ids that come block by block, so that they need not fit into memory.
struct RowStream {
  std::size_t rows = 0;  ///< of all blocks
  std::size_t dim = 0;
  /// Gives every block, in order. Formats whose head lists the ids call it twice.
  std::function<void(const TakeRows&)> for_each_block;
};

/// Files that are written, but do not have their names yet.
class PendingFiles {
 public:
  AtomicFile& add(const std::filesystem::path& path, const std::filesystem::path& workplace);
  /// Brings all to the disk; returns where the last one stands until commit().
  const std::filesystem::path& close();
  /// Gives all their names; the last one gets its own last, so whoever sees it finds the others.
  void commit();

 private:
  std::vector<std::unique_ptr<AtomicFile>> files_;
};

/// The provenance about rows as "key": "value".
using Provenance = std::vector<std::pair<std::string, std::string>>;

/// write_embeddings, block by block. Temporary files stand in `workplace` (see AtomicFile).
PendingFiles write_rows(const std::filesystem::path& path, const RowStream& rows,
                        const Provenance& provenance, StoredPrecision precision,
                        const std::filesystem::path& workplace = {});

/// Components as they lie in a binary file.
void write_components(AtomicFile& file, std::span<const float> values, StoredPrecision precision);

/// Whether every id is UTF-8.
bool all_are_text(const RowStream& rows);

/// What write_rows writes beside the file.
std::vector<std::filesystem::path> side_files(const std::filesystem::path& path);

/// Throws Error(invalid_argument) for an ending that write_rows does not know, Error(unavailable)
/// for one whose module is not there.
void check_ending(const std::filesystem::path& path);

}  // namespace llm2clip
