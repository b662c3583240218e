#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <mutex>
#include <set>
#include <unordered_map>

#include "base/atomic_file.h"
#include "base/errors_only.h"
#include "base/file_calls.h"
#include "base/sha256.h"
#include "index/build_graph.h"
#include "index/coarse_rows.h"
#include "index/containers.h"
#include "index/snapshot.h"
#include "llm2clip/index.h"
#include "store/float16.h"
#include "store/run/input_names.h"
#include "store/run/run_lock.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// Files of small segments that come together before they are made one.
constexpr std::size_t kMostSegments = 16;
// The share of removed rows from which on all are written anew.
constexpr double kMostRemoved = 0.25;

bool is_ours(const std::string& name) {
  for (const char* start : {"rows-", "ids-", "removed-", "coarse-", "graph-", "thumbnails-",
                            "containers-", ".llm2clip-"}) {
    if (name.starts_with(start)) return true;
  }
  return name == RunLock::kFile || name == RunLock::kOwner || name == IndexManifest::kFile;
}

// Nobody's pictures get our files beside them.
void check_ours(const fs::path& folder) {
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_directory(folder, error)) {
    throw Error(ErrorKind::io,
                folder.string() + ": is a file; an index is a folder, give a new name");
  }
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    if (is_ours(entry->path().filename())) continue;
    throw Error(ErrorKind::io, folder.string() +
                                   ": is there and is no index; give a new name (it holds " +
                                   entry->path().filename().string() + ")");
  }
}

InputDigest digest_of(std::string_view content, std::string_view stamp) {
  Sha256 hash;
  hash.add(std::to_string(content.size()) + ":");
  hash.add(content);
  hash.add(stamp);
  const std::string hex = hash.hex();
  InputDigest digest;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<std::byte>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
  }
  return digest;
}

std::string text_of(const InputDigest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

InputDigest digest_in(const RunInput& input) {
  InputDigest digest{};
  std::memcpy(digest.data(), input.digest.data(), std::min(digest.size(), input.digest.size()));
  return digest;
}

// The row as it is stored: of unit length.
std::vector<std::uint16_t> halves_of(std::string_view id, std::span<const float> row,
                                     std::size_t dim) {
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorKind::invalid_argument, "row of " + in_quotes(std::string(id)) + ": " + why);
  };
  if (row.size() != dim) {
    refuse("has " + std::to_string(row.size()) + " components, the index has " +
           std::to_string(dim));
  }
  double squares = 0;
  for (const float value : row) squares += static_cast<double>(value) * value;
  if (!std::isfinite(squares)) refuse("has a value that is not finite");
  if (squares == 0) refuse("is all zeros");
  const double scale = 1 / std::sqrt(squares);
  std::vector<std::uint16_t> halves;
  halves.reserve(dim);
  for (const float value : row) halves.push_back(to_float16(static_cast<float>(value * scale)));
  return halves;
}

ThumbnailView view_of(const Thumbnail& thumbnail) {
  return {static_cast<std::uint32_t>(thumbnail.width), static_cast<std::uint32_t>(thumbnail.height),
          thumbnail.jpeg};
}

IndexManifest first_manifest(const fs::path& folder, const IndexOptions& options) {
  const RunOptions run{.dim = options.dim, .provenance = options.provenance};
  check_provenance(folder, run);
  return {.dim = options.dim, .rows = 0, .provenance = options.provenance, .segments = {}};
}

void check_same(const fs::path& folder, const IndexManifest& there, const IndexOptions& options) {
  if (options.dim == 0) return;
  if (options.dim != there.dim) {
    throw Error(ErrorKind::io, folder.string() + ": its rows have " + std::to_string(there.dim) +
                                   " components, the new ones have " + std::to_string(options.dim) +
                                   "; give another name");
  }
  const std::string found = differences(there.provenance, options.provenance);
  if (found.empty()) return;
  throw Error(ErrorKind::io,
              folder.string() + ": its rows are others: " + found + "; give another name");
}

}  // namespace

struct IndexWriter::Impl {
  // A row that is not committed.
  struct NewRow {
    std::string id;
    InputDigest digest;
    std::vector<std::uint16_t> values;
    Thumbnail thumbnail;
  };

  Impl(const fs::path& path, const IndexOptions& wanted)
      : folder((check_ours(path), path)),
        options(wanted),
        made_folder(!fs::exists(path)),
        lock(path) {
    try {
      open();
    } catch (...) {
      leave_nothing();
      throw;
    }
  }
  ~Impl() { leave_nothing(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void open();
  void leave_nothing();

  // ---- rows: those of the snapshot, then the new ones

  std::uint64_t row_count() const { return snapshot->row_limit() + new_rows.size(); }
  InputDigest digest(std::uint64_t row) const {
    const std::uint64_t committed = snapshot->row_limit();
    return row < committed ? snapshot->digest(row) : new_rows[row - committed].digest;
  }
  std::span<const std::uint16_t> values(std::uint64_t row) const {
    const std::uint64_t committed = snapshot->row_limit();
    return row < committed ? snapshot->row(row) : new_rows[row - committed].values;
  }

  bool has_thumbnail(std::uint64_t row) const {
    const std::uint64_t committed = snapshot->row_limit();
    return !(row < committed
                 ? snapshot->thumbnail(row).jpeg
                 : std::span<const std::uint8_t>(new_rows[row - committed].thumbnail.jpeg))
                .empty();
  }

  void use(Snapshot next);
  void put(std::string_view id, const InputDigest& digest, std::span<const float> row,
           const Thumbnail& thumbnail);
  bool drop(std::string_view id);
  void drop_row(std::uint64_t row);
  void mark_listed(std::string_view id) { listed.insert(std::string(id)); }
  // Of one whose rows have thumbnails where they are to have them.
  InputDigest container_digest(std::string_view content, std::string_view stamp) const {
    return digest_of(content, std::string(stamp) + (thumbnail_side > 0 ? " thumbnails" : ""));
  }

  // ---- the disk

  std::filesystem::path folder;
  IndexOptions options;
  bool made_folder;
  bool is_there = false;  // index.json is
  RunLock lock;
  void write_manifest(const IndexManifest& manifest);
  void remove_strays() const;
  void commit();
  void commit_new_rows(IndexManifest& next);
  void commit_graph(const std::function<bool(std::uint64_t, std::uint64_t)>& progress);
  void write_generation(IndexManifest next);
  IndexManifest next_manifest() const;
  void write_coarse(IndexManifest& next) const;
  bool is_manner_new() const {
    const IndexManifest& now = snapshot->manifest();
    return options.kind.value_or(now.kind) != now.kind ||
           options.scan.value_or(now.scan) != now.scan;
  }
  void join_segments(std::size_t first);
  bool is_any_removed(std::uint64_t first, std::uint64_t last) const;
  std::size_t first_to_join() const;

  mutable std::mutex mutex;
  std::optional<Snapshot> snapshot;
  std::deque<NewRow> new_rows;
  RemovedRows removed;                                       // of all rows
  std::unordered_map<std::string_view, std::uint64_t> rows;  // by id, of those that are not removed
  std::set<std::string, std::less<>> listed;                 // ids, since the writer was made
  std::unordered_map<std::string, std::string> under_way;    // ids that take() gave: their digests
  ContainerBook containers;
  std::uint64_t thumbnail_side = 0;  // of rows that come
  std::uint64_t taken = 0;
  std::uint64_t changes = 0;  // since the last commit
  Clock::time_point first_change;
  IndexSummary summary;

  void changed() {
    if (changes++ == 0) first_change = Clock::now();
  }
};

void IndexWriter::Impl::open() {
  std::optional<IndexManifest> there = read_index_manifest(folder);
  is_there = there.has_value();
  if (there) {
    check_same(folder, *there, options);
  } else {
    there = first_manifest(folder, options);
  }
  use(Snapshot(folder, std::move(*there)));
  remove_strays();
  containers.read(folder, snapshot->manifest().containers);
  thumbnail_side = options.thumbnail_side > 0 ? static_cast<std::uint64_t>(options.thumbnail_side)
                                              : snapshot->manifest().thumbnail_side;
}

// An index is there from its first commit on: without one the folder goes that was made for it.
void IndexWriter::Impl::leave_nothing() {
  if (!made_folder || is_there) return;
  if (snapshot) remove_strays();
  lock.remove_folder();
}

// The files of the index are now those of `next`; nothing else is known of its rows.
void IndexWriter::Impl::use(Snapshot next) {
  snapshot.emplace(std::move(next));
  new_rows.clear();
  changes = 0;
  removed = snapshot->removed();
  rows.clear();
  rows.reserve(snapshot->manifest().rows);
  for (std::uint64_t row = 0; row < snapshot->row_limit(); ++row) {
    if (!removed[row]) rows.emplace(snapshot->id(row), row);
  }
}

void IndexWriter::Impl::put(std::string_view id, const InputDigest& input,
                            std::span<const float> row, const Thumbnail& thumbnail) {
  std::vector<std::uint16_t> halves = halves_of(id, row, snapshot->dim());
  mark_listed(id);
  const auto known = rows.find(id);
  if (known != rows.end()) {
    const bool same_row = std::ranges::equal(values(known->second), halves);
    const bool same_look = thumbnail.jpeg.empty() || has_thumbnail(known->second);
    if (same_row && same_look && digest(known->second) == input) {
      ++summary.unchanged;
      return;
    }
    drop_row(known->second);
    rows.erase(known);
    ++summary.replaced;
  } else {
    ++summary.added;
  }
  new_rows.push_back({std::string(id), input, std::move(halves), thumbnail});
  removed.push_back(false);
  rows.emplace(new_rows.back().id, row_count() - 1);
  changed();
}

void IndexWriter::Impl::drop_row(std::uint64_t row) {
  removed[row] = true;
  changed();
}

bool IndexWriter::Impl::drop(std::string_view id) {
  const auto known = rows.find(id);
  if (known == rows.end()) return false;
  drop_row(known->second);
  rows.erase(known);
  ++summary.removed;
  return true;
}

void IndexWriter::Impl::write_manifest(const IndexManifest& manifest) {
  lock.check();
  AtomicFile file(folder / IndexManifest::kFile);
  file.write(index_manifest_json(manifest));
  file.commit();
  is_there = true;
}

// What a commit that did not come to its end has left, and what the last one replaced.
void IndexWriter::Impl::remove_strays() const {
  std::set<std::string> keep = {RunLock::kFile, RunLock::kOwner, IndexManifest::kFile};
  for (const IndexFile& file : files_of(snapshot->manifest())) keep.insert(file.name);
  std::error_code error;
  std::vector<fs::path> strays;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (!keep.contains(name) && is_ours(name)) strays.push_back(entry->path());
  }
  // One that cannot be removed costs space and nothing else.
  for (const fs::path& stray : strays) fs::remove(stray, error);
}

void IndexWriter::Impl::commit_new_rows(IndexManifest& next) {
  if (new_rows.empty()) return;
  next.segments.push_back(write_segment(
      folder, next.generation, snapshot->dim(), new_rows.size(), [&](const auto& take) {
        for (const NewRow& row : new_rows) {
          take({row.id, row.digest, row.values, view_of(row.thumbnail)});
        }
      }));
}

IndexManifest IndexWriter::Impl::next_manifest() const {
  IndexManifest next = snapshot->manifest();
  ++next.generation;
  next.scan = options.scan.value_or(next.scan);
  next.kind = options.kind.value_or(next.kind);
  if (next.kind == IndexKind::exact) next.graph.reset();
  return next;
}

// Of the segments that have none, where the index is to be scanned so.
void IndexWriter::Impl::write_coarse(IndexManifest& next) const {
  std::size_t number = 0;
  for (IndexSegment& segment : next.segments) {
    if (next.scan == IndexScan::float16) segment.coarse.reset();
    if (next.scan == IndexScan::float16 || segment.coarse) continue;
    const std::string name =
        "coarse-" + std::to_string(next.generation) + "-" + std::to_string(number++);
    segment.coarse =
        write_coarse_rows(folder, name, Segment(folder, segment, snapshot->dim()), snapshot->dim());
  }
}

void IndexWriter::Impl::write_generation(IndexManifest next) {
  next.thumbnail_side = thumbnail_side;
  write_coarse(next);
  Snapshot written(folder, next);  // before anybody is told of it
  write_manifest(next);
  containers.committed();
  use(std::move(written));
  remove_strays();
}

void IndexWriter::Impl::commit() {
  containers.settle([&](std::string_view name) {
    return std::ranges::any_of(
        under_way, [&](const auto& input) { return is_of_container(input.first, name); });
  });
  if (changes == 0 && !containers.changed() && is_there && !is_manner_new()) return;
  lock.check();
  IndexManifest next = next_manifest();
  commit_new_rows(next);
  const auto gone = static_cast<std::uint64_t>(std::count(removed.begin(), removed.end(), true));
  next.rows = removed.size() - gone;
  next.removed.reset();
  if (gone > 0) next.removed = write_removed(folder, next.generation, removed);
  if (containers.changed()) next.containers = containers.write(folder, next.generation);
  write_generation(std::move(next));
  const std::size_t first = first_to_join();
  if (first + 1 < snapshot->segments().size() || (first == 0 && gone > 0)) join_segments(first);
}

void IndexWriter::Impl::commit_graph(
    const std::function<bool(std::uint64_t, std::uint64_t)>& progress) {
  if (snapshot->manifest().kind != IndexKind::hnsw || !is_graph_due(*snapshot)) return;
  lock.check();
  IndexManifest next = next_manifest();
  next.graph = build_graph(*snapshot, next.generation, progress);
  write_generation(std::move(next));
}

// The first of the segments at the end that are to be one; behind the last: none. Each row is
// written a few times in the life of an index, however it grows: only segments that are small
// beside what comes after them are written again.
std::size_t IndexWriter::Impl::first_to_join() const {
  const std::vector<Segment>& segments = snapshot->segments();
  const std::uint64_t all = snapshot->row_limit();
  const std::uint64_t gone = all - snapshot->manifest().rows;
  if (static_cast<double>(gone) > kMostRemoved * static_cast<double>(all)) return 0;
  if (segments.size() <= kMostSegments) return segments.size();
  std::size_t first = segments.size() - 1;
  std::uint64_t behind = segments[first].rows();
  while (first > 0 && segments[first - 1].rows() <= 2 * behind) behind += segments[--first].rows();
  return first;
}

// Whether rows that are linked get other numbers, or none, when removed ones no longer count.
bool IndexWriter::Impl::is_any_removed(std::uint64_t first, std::uint64_t last) const {
  for (std::uint64_t row = first; row < last; ++row) {
    if (removed[row]) return true;
  }
  return false;
}

// Makes one segment of those from `first` on, without the rows that were removed.
void IndexWriter::Impl::join_segments(std::size_t first) {
  lock.check();
  // What is damaged must not get a hash that fits.
  for (std::size_t at = first; at < snapshot->segments().size(); ++at) {
    snapshot->segments()[at].verify();
  }
  IndexManifest next = next_manifest();
  next.segments.resize(first);
  const std::uint64_t begin = snapshot->first_row(first);
  if (next.graph && is_any_removed(begin, next.graph->info.rows)) next.graph.reset();
  RemovedRows left(removed.begin(), removed.begin() + static_cast<std::ptrdiff_t>(begin));
  const auto gone = static_cast<std::uint64_t>(std::count(left.begin(), left.end(), true));
  const std::uint64_t joined = next.rows - (begin - gone);
  if (joined > 0) {
    next.segments.push_back(
        write_segment(folder, next.generation, snapshot->dim(), joined, [&](const auto& take) {
          for (std::uint64_t row = begin; row < snapshot->row_limit(); ++row) {
            if (removed[row]) continue;
            take({snapshot->id(row), snapshot->digest(row), snapshot->row(row),
                  snapshot->thumbnail(row)});
          }
        }));
  }
  left.resize(begin + joined);
  next.removed.reset();
  if (gone > 0) next.removed = write_removed(folder, next.generation, left);
  write_generation(std::move(next));
}

IndexWriter::IndexWriter(const fs::path& path, const IndexOptions& options)
    : impl_(errors_only(path, [&] { return std::make_unique<Impl>(path, options); })) {}
IndexWriter::IndexWriter(IndexWriter&&) noexcept = default;
IndexWriter& IndexWriter::operator=(IndexWriter&&) noexcept = default;
IndexWriter::~IndexWriter() = default;

std::optional<RunInput> IndexWriter::take(std::string_view id, std::string_view content,
                                          std::string_view stamp) {
  return errors_only(impl_->folder, [&]() -> std::optional<RunInput> {
    const InputDigest digest = digest_of(content, stamp);
    const std::lock_guard guard(impl_->mutex);
    impl_->mark_listed(id);
    const auto known = impl_->rows.find(id);
    const bool done = known != impl_->rows.end() && impl_->digest(known->second) == digest &&
                      (impl_->thumbnail_side == 0 || impl_->has_thumbnail(known->second));
    std::string& under_way = impl_->under_way[std::string(id)];  // one that is listed twice
    if (done || under_way == text_of(digest)) {
      if (under_way.empty()) impl_->under_way.erase(std::string(id));
      ++impl_->summary.unchanged;
      return std::nullopt;
    }
    under_way = text_of(digest);
    return RunInput{impl_->taken++, std::string(id), text_of(digest)};
  });
}

bool IndexWriter::take_container(std::string_view name, std::string_view content,
                                 std::string_view stamp) {
  return errors_only(impl_->folder, [&] {
    const std::lock_guard guard(impl_->mutex);
    const auto inputs = impl_->containers.list(name, impl_->container_digest(content, stamp));
    if (inputs) impl_->summary.unchanged += *inputs;
    return inputs.has_value();
  });
}

void IndexWriter::end_container(std::string_view name, std::string_view content,
                                std::string_view stamp, std::uint64_t inputs) {
  errors_only(impl_->folder, [&] {
    const std::lock_guard guard(impl_->mutex);
    impl_->containers.end(name, {impl_->container_digest(content, stamp), inputs});
  });
}

void IndexWriter::add(const RunInput& input, std::span<const float> row,
                      const Thumbnail& thumbnail) {
  errors_only(impl_->folder, [&] {
    const std::lock_guard guard(impl_->mutex);
    impl_->put(input.id, digest_in(input), row, thumbnail);
    impl_->under_way.erase(input.id);
  });
}

void IndexWriter::fail(const RunInput& input) {
  errors_only(impl_->folder, [&] {
    const std::lock_guard guard(impl_->mutex);
    impl_->under_way.erase(input.id);
    impl_->containers.spoil(input.id);
    impl_->drop(input.id);
  });
}

void IndexWriter::add(std::string_view id, std::span<const float> row, const Thumbnail& thumbnail) {
  errors_only(impl_->folder, [&] {
    const std::lock_guard guard(impl_->mutex);
    impl_->put(id, {}, row, thumbnail);
  });
}

bool IndexWriter::remove(std::string_view id) {
  return errors_only(impl_->folder, [&] {
    const std::lock_guard guard(impl_->mutex);
    impl_->containers.spoil(id);
    return impl_->drop(id);
  });
}

std::uint64_t IndexWriter::remove_unlisted(const std::function<bool(std::string_view)>& among) {
  return errors_only(impl_->folder, [&] {
    const std::lock_guard guard(impl_->mutex);
    std::vector<std::string> gone;
    for (const auto& [id, row] : impl_->rows) {
      const bool listed = impl_->listed.contains(id) || impl_->containers.lists(id);
      if (!listed && among(id)) gone.emplace_back(id);
    }
    for (const std::string& id : gone) {
      impl_->containers.forget(id);
      impl_->drop(id);
    }
    return static_cast<std::uint64_t>(gone.size());
  });
}

void IndexWriter::commit_if_due() {
  errors_only(impl_->folder, [&] {
    const std::lock_guard guard(impl_->mutex);
    const IndexOptions& options = impl_->options;
    if (impl_->changes == 0) return;
    const bool due = impl_->changes >= options.commit_rows ||
                     Clock::now() - impl_->first_change >= options.commit_interval;
    if (due) impl_->commit();
  });
}

void IndexWriter::commit() {
  errors_only(impl_->folder, [&] {
    const std::lock_guard guard(impl_->mutex);
    impl_->commit();
  });
}

void IndexWriter::compact() {
  errors_only(impl_->folder, [&] {
    const std::lock_guard guard(impl_->mutex);
    impl_->commit();
    const IndexManifest& manifest = impl_->snapshot->manifest();
    if (manifest.segments.size() > 1 || manifest.removed) impl_->join_segments(0);
  });
}

std::optional<IndexGraphInfo> IndexWriter::update_graph(
    const std::function<bool(std::uint64_t done, std::uint64_t total)>& progress) {
  return errors_only(impl_->folder, [&]() -> std::optional<IndexGraphInfo> {
    const std::lock_guard guard(impl_->mutex);
    impl_->commit();
    impl_->commit_graph(progress);
    const std::optional<IndexGraph>& graph = impl_->snapshot->manifest().graph;
    return graph ? std::optional(graph->info) : std::nullopt;
  });
}

std::size_t IndexWriter::dim() const { return impl_->snapshot->dim(); }

int IndexWriter::thumbnail_side() const { return static_cast<int>(impl_->thumbnail_side); }

IndexSummary IndexWriter::summary() const {
  const std::lock_guard guard(impl_->mutex);
  IndexSummary summary = impl_->summary;
  summary.rows = impl_->rows.size();
  return summary;
}

std::string IndexWriter::warning() const { return impl_->lock.warning(); }

}  // namespace llm2clip
