#include "llm2clip/index.h"

#include <mutex>

#include "base/errors_only.h"
#include "index/build_graph.h"
#include "index/duplicates.h"
#include "index/row_products.h"
#include "index/search.h"
#include "index/snapshot.h"

namespace llm2clip {
struct Index::Impl {
  explicit Impl(const std::filesystem::path& path) : snapshot(Snapshot::open(path)) {}

  void check_row(std::uint64_t row) const {
    if (row < snapshot.row_limit()) return;
    throw Error(ErrorKind::invalid_argument, "row: " + std::to_string(row) +
                                                 " is none, there are " +
                                                 std::to_string(snapshot.row_limit()));
  }

  // What a search goes by. Its files are mapped since the index was opened; who never asks for a
  // graph never waits for it.
  Neighborhood near(const SearchOptions& search) const {
    const std::optional<IndexGraph>& recorded = snapshot.manifest().graph;
    if (!recorded || asks_every_row(search)) return {};
    std::call_once(viewing, [&] { graph.emplace(view_graph(snapshot)); });
    return {&*graph, recorded->info.rows, recorded->info.expansion};
  }

  const Snapshot snapshot;
  mutable std::once_flag viewing;
  mutable std::optional<Graph> graph;
};

Index::Index(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Index::Index(Index&&) noexcept = default;
Index& Index::operator=(Index&&) noexcept = default;
Index::~Index() = default;

Index Index::open(const std::filesystem::path& path) {
  return errors_only(path, [&] { return Index(std::make_shared<const Impl>(path)); });
}

std::uint64_t Index::rows() const { return impl_->snapshot.manifest().rows; }
std::size_t Index::dim() const { return impl_->snapshot.dim(); }
std::uint64_t Index::row_limit() const { return impl_->snapshot.row_limit(); }
const std::vector<std::pair<std::string, std::string>>& Index::provenance() const {
  return impl_->snapshot.manifest().provenance;
}

std::vector<std::vector<IndexHit>> Index::search(const EmbeddingsView& queries,
                                                 const SearchOptions& options) const {
  return errors_only(impl_->snapshot.folder(), [&] {
    return search_rows(impl_->snapshot, impl_->near(options), queries, options);
  });
}

IndexKind Index::kind() const { return impl_->snapshot.manifest().kind; }

IndexScan Index::scan() const { return impl_->snapshot.manifest().scan; }

std::optional<IndexGraphInfo> Index::graph() const {
  const std::optional<IndexGraph>& recorded = impl_->snapshot.manifest().graph;
  return recorded ? std::optional(recorded->info) : std::nullopt;
}

std::vector<DuplicateGroup> Index::duplicates(
    float min_score, const SearchOptions& options,
    const std::function<bool(std::uint64_t done)>& progress) const {
  return errors_only(impl_->snapshot.folder(), [&] {
    return find_duplicates(impl_->snapshot, min_score, options, progress);
  });
}

std::optional<std::string> Index::id(std::uint64_t row) const {
  return errors_only(impl_->snapshot.folder(), [&]() -> std::optional<std::string> {
    impl_->check_row(row);
    if (impl_->snapshot.is_removed(row)) return std::nullopt;
    return std::string(impl_->snapshot.id(row));
  });
}

std::vector<float> Index::row(std::uint64_t row) const {
  return errors_only(impl_->snapshot.folder(), [&] {
    impl_->check_row(row);
    return widened(impl_->snapshot.row(row));
  });
}

std::optional<Thumbnail> Index::thumbnail(std::uint64_t row) const {
  return errors_only(impl_->snapshot.folder(), [&]() -> std::optional<Thumbnail> {
    impl_->check_row(row);
    const ThumbnailView kept = impl_->snapshot.thumbnail(row);
    if (kept.jpeg.empty() || impl_->snapshot.is_removed(row)) return std::nullopt;
    return Thumbnail{.width = static_cast<int>(kept.width),
                     .height = static_cast<int>(kept.height),
                     .jpeg = {kept.jpeg.begin(), kept.jpeg.end()}};
  });
}

std::optional<std::uint64_t> Index::find(std::string_view id) const {
  const Snapshot& snapshot = impl_->snapshot;
  for (std::uint64_t row = 0; row < snapshot.row_limit(); ++row) {
    if (!snapshot.is_removed(row) && snapshot.id(row) == id) return row;
  }
  return std::nullopt;
}

void Index::verify() const {
  errors_only(impl_->snapshot.folder(), [&] { impl_->snapshot.verify(); });
}

}  // namespace llm2clip
