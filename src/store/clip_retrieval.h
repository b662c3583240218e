#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>

#include "base/atomic_folder.h"
#include "llm2clip/run.h"
#include "store/embeddings_writer.h"

namespace llm2clip {

/// What RunOptions say of such a folder.
struct ClipRetrievalOptions {
  OutputLayout layout = OutputLayout::clip_retrieval_images;
  std::size_t partition_rows = 0;
  StoredPrecision precision = StoredPrecision::float16;
};

/// Writes rows as clip-retrieval's inference does: img_emb/img_emb_0000.npy or
/// text_emb/text_emb_0000.npy, and metadata/metadata_0000.parquet with a column image_path or
/// caption of their ids. A partition after the other; of no rows there is one. The folder does not
/// have its name yet.
std::unique_ptr<AtomicFolder> write_clip_retrieval(const std::filesystem::path& path,
                                                   const RowStream& rows,
                                                   const Provenance& provenance,
                                                   const ClipRetrievalOptions& options,
                                                   const std::filesystem::path& workplace);

/// Throws Error(io) where something else stands at `path` than such a folder.
void check_clip_retrieval(const std::filesystem::path& path);

}  // namespace llm2clip
