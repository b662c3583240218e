#include "commands/index_rows.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "llm2clip/detail/rows_of_file.h"
#include "pages/thumbnails.h"

namespace llm2clip::cli {
namespace {

using Provenance = std::vector<std::pair<std::string, std::string>>;

// The version and the machine are not among them: an index is kept up by later ones, and elsewhere.
constexpr std::array<std::string_view, 14> kMeaning = {
    "model",          "manifest_sha256", "part",           "computed_in",   "vision_sha256",
    "image_size",     "order",           "resize_passes",  "exif",          "text_sha256",
    "adapter_sha256", "max_tokens",      "doc_max_length", "special_tokens"};

// Rows that wait for a commit. Each commit looks at all ids, so that few are made.
constexpr std::size_t kBytesAtOnce = std::size_t{256} << 20;

}  // namespace

Provenance index_provenance(const Provenance& provenance) {
  Provenance kept;
  for (const auto& entry : provenance) {
    if (std::ranges::find(kMeaning, entry.first) != kMeaning.end()) kept.push_back(entry);
  }
  return kept;
}

IndexOptions manner_options(const IndexFlags& flags) {
  IndexOptions options;
  if (!flags.kind.empty()) options.kind = from_string<IndexKind>(flags.kind);
  if (!flags.scan.empty()) options.scan = from_string<IndexScan>(flags.scan);
  return options;
}

IndexOptions index_options(const IndexFlags& flags, std::size_t dim, const Provenance& provenance) {
  IndexOptions options = manner_options(flags);
  options.dim = dim;
  options.provenance = index_provenance(provenance);
  options.thumbnail_side = flags.thumbnails ? kThumbnailSide : 0;
  options.commit_rows = flags.job.commit_rows;
  options.commit_interval = std::chrono::seconds(flags.job.commit_seconds);
  return options;
}

IndexSummary index_rows(const IndexFlags& flags) {
  IndexSummary all;
  for (const std::string& path : flags.rows) {
    std::optional<IndexWriter> writer;
    std::size_t most = 0;
    std::size_t waiting = 0;
    detail::read_rows(
        path,
        [&](const detail::RowsOfFile& about) {
          writer.emplace(flags.index, index_options(flags, about.dim, about.provenance));
          const std::size_t bytes = std::max<std::size_t>(about.dim, 1) * sizeof(std::uint16_t);
          most = std::max<std::size_t>(kBytesAtOnce / bytes, 1);
        },
        [&](const std::string& id, std::span<const float> row) {
          writer->add(id, row);
          if (++waiting < most) return;
          writer->commit();
          waiting = 0;
        });
    writer->commit();
    const IndexSummary summary = writer->summary();
    all.rows = summary.rows;
    all.added += summary.added;
    all.replaced += summary.replaced;
    all.unchanged += summary.unchanged;
  }
  return all;
}

}  // namespace llm2clip::cli
