#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llm2clip/embeddings.h"
#include "llm2clip/export.h"
#include "llm2clip/from_string.h"
#include "llm2clip/model.h"
#include "llm2clip/run.h"
#include "llm2clip/thumbnail.h"

/// Rows that are searched: a folder that IndexWriter writes and Index reads.
///
///   {
///     llm2clip::IndexWriter writer("photos.index", {.dim = 1280});
///     writer.add("a.jpg", row);  // an id once: a later row takes its place
///     writer.commit();
///   }
///   llm2clip::Index index = llm2clip::Index::open("photos.index");
///   const auto hits = index.search(queries, {.top_k = 3});
///   for (const llm2clip::IndexHit& hit : hits[0]) {
///     std::cout << hit.score << " " << hit.id << "\n";
///   }
///
/// What is committed is there whole or not at all: a process that is killed at any moment leaves
/// the index as it was before a commit or after it. A reader has the index as it was when it was
/// opened, whatever a writer does meanwhile; two writers exclude each other.
namespace llm2clip {

/// How an index is searched. Spelled as on the command line.
enum class IndexKind {
  exact,  ///< every row is looked at
  hnsw,   ///< links among rows lead to the nearest ones; a few may be missed
};

/// "exact", "hnsw".
LLM2CLIP_API const char* to_string(IndexKind kind);
template <>
LLM2CLIP_API IndexKind from_string(std::string_view name);  ///< of that name

/// What a look at every row reads. Spelled as on the command line.
enum class IndexScan {
  float16,  ///< the rows as they are stored
  /// Their copies in int8, half as large; what may be among the best is looked at as it is stored,
  /// so that what is found is the same. For some queries at once; many read float16.
  int8,
};

/// "float16", "int8".
LLM2CLIP_API const char* to_string(IndexScan scan);
template <>
LLM2CLIP_API IndexScan from_string(std::string_view name);  ///< of that name

/// The links of an index of kind hnsw, and how good they are.
struct IndexGraphInfo {
  std::uint64_t rows = 0;       ///< Rows below this are linked; later ones are all looked at.
  std::uint64_t expansion = 0;  ///< How many rows a search keeps in view, as the sample wanted it.
  double recall = 0;            ///< Share of the ten best rows that is found, in the sample.
  std::uint64_t sampled = 0;    ///< How many queries the sample had: pairs of rows, added.
};

/// What an index holds, and how often it is written.
struct IndexOptions {
  /// Components of a row. 0: an index that is there is changed, whatever its rows are.
  std::size_t dim = 0;
  /// What the rows mean: model and its hashes, precision, preprocessing. An index that is there
  /// must have the same, unless `dim` is 0. Index::check_fits looks at "manifest_sha256",
  /// "vision_sha256", "text_sha256", "adapter_sha256", "image_size", "order" and "resize_passes".
  /// UTF-8; no name twice, none that begins with "run." or "computing.".
  std::vector<std::pair<std::string, std::string>> provenance = {};
  std::optional<IndexKind> kind = {};  ///< empty: as the index is; a new one is exact
  std::optional<IndexScan> scan = {};  ///< empty: as the index is; a new one reads float16
  /// Pixels of the longer side of thumbnails that are kept beside the rows. 0: as in an index that
  /// is there, or none. With thumbnails, take() gives inputs, too, whose rows have none.
  int thumbnail_side = 0;
  std::size_t commit_rows = 4096;            ///< changes after which commit_if_due() commits
  std::chrono::seconds commit_interval{30};  ///< time after which it does
};

/// What a writer has done since it was made, committed or not.
struct IndexSummary {
  std::uint64_t rows = 0;       ///< that the index has now
  std::uint64_t added = 0;      ///< new ids
  std::uint64_t replaced = 0;   ///< ids that have another row now
  std::uint64_t removed = 0;    ///< ids that are no longer there
  std::uint64_t unchanged = 0;  ///< inputs that take() passed over, and rows that were the same
};

/// One row that a search found.
struct IndexHit {
  std::uint64_t row = 0;  ///< its number in the index, see Index::row_limit
  float score = 0;        ///< dot product of query and row: their cosine, where the query is a unit
  std::string id;         ///< as it was added
};

/// Which rows a search gives.
struct SearchOptions {
  std::size_t top_k = 10;               ///< the best so many; 0: all that the others leave
  std::optional<float> min_score = {};  ///< none with a lower score
  std::string filter = {};              ///< a pattern of the shell that ids match; `*` matches `/`
  std::size_t threads = 0;              ///< that search; 0: one for each processor
  /// Look at every row, where the index is of kind hnsw, too. So does a search with a filter, or
  /// for more than 1000 rows.
  bool exact = false;
};

/// Rows that are alike, and how much.
struct DuplicateGroup {
  std::vector<IndexHit> members;  ///< two or more, by row; `score` is the best with another of them
};

/// The rows of an index as they were when it was opened. Its files are mapped: rows that are
/// searched often stay in memory, and the system takes it back when it is needed. const members may
/// be called from several threads.
///
/// Searches of an index of kind exact are exact: each row is looked at, all queries in one pass,
/// and the order is by the dot product in float64 of the query and the stored float16 row, rounded
/// to float32; of equal scores the lower row comes first. Neither processor nor threads nor other
/// queries change it. An index of kind hnsw may miss rows (graph() says how many); scores and order
/// are the same for those it finds.
class LLM2CLIP_API Index {
 public:
  /// Throws Error(unreadable_input) when there is no index, or it is damaged or of another format;
  /// Error(io) when it cannot be read.
  static Index open(const std::filesystem::path& path);
  /// What was moved from may only be destroyed or assigned to.
  Index(Index&&) noexcept;
  /// Lets go of the index that was here.
  Index& operator=(Index&&) noexcept;
  ~Index();

  /// How many rows there are.
  std::uint64_t rows() const;
  /// Components of a row.
  std::size_t dim() const;
  /// Rows have numbers below this; those that were removed have left gaps. A row keeps its number
  /// for the life of this object, not across commits.
  std::uint64_t row_limit() const;
  /// IndexOptions::provenance of the writer.
  const std::vector<std::pair<std::string, std::string>>& provenance() const;

  /// How it is searched.
  IndexKind kind() const;
  /// What a look at every row reads.
  IndexScan scan() const;
  /// The links among the rows; empty: there are none, and every row is looked at.
  std::optional<IndexGraphInfo> graph() const;

  /// The best rows for each query, best first. `queries` need not be of unit length.
  /// Throws Error(invalid_argument) for another dim, or for a value that is not finite;
  /// Error(unreadable_input) where the links are needed and damaged.
  std::vector<std::vector<IndexHit>> search(const EmbeddingsView& queries,
                                            const SearchOptions& options = {}) const;

  /// Groups of rows of which each has a cosine of at least `min_score` with another of its group;
  /// the group with the lowest row first. Takes the time of rows() / 2 queries. `progress` is
  /// called with how many rows are done; returning false ends the call with Error(cancelled).
  /// Throws Error(invalid_argument) for a score that is not in -1..1.
  std::vector<DuplicateGroup> duplicates(
      float min_score, const SearchOptions& options = SearchOptions(),
      const std::function<bool(std::uint64_t done)>& progress = nullptr) const;

  /// The id of a row; empty: the row was removed. Throws Error(invalid_argument) for a number that
  /// is not below row_limit().
  std::optional<std::string> id(std::uint64_t row) const;
  /// The components of a row, removed or not, as float16 has them. Throws as id().
  std::vector<float> row(std::uint64_t row) const;
  /// What the row is of, to look at; empty: none is kept of it. Throws as id(), and
  /// Error(unreadable_input) where it is damaged.
  std::optional<Thumbnail> thumbnail(std::uint64_t row) const;
  /// The row of an id. Looks at all ids.
  std::optional<std::uint64_t> find(std::string_view id) const;

  /// Throws Error(invalid_argument), naming what differs, when rows of the model with this manifest
  /// mean something else than those of the index.
  void check_fits(const ModelInfo& info) const;
  /// Compares every file with its SHA-256. Throws Error(unreadable_input) naming the first that is
  /// damaged.
  void verify() const;

 private:
  struct LLM2CLIP_LOCAL Impl;
  explicit Index(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

/// Changes an index, or makes one, which is there from its first commit on. Rows become units and
/// are stored in float16.
///
/// take() may be called in one thread while another adds: embed_images with a writer as its sink
/// embeds what is new or changed, and nothing else.
class LLM2CLIP_API IndexWriter {
 public:
  /// Makes the folder where it is missing. Throws Error(invalid_argument) for options that make no
  /// index; Error(io) when another process writes it, its rows have another dim or provenance, the
  /// folder is there and holds something else, or it cannot be written; Error(unreadable_input)
  /// when it is damaged.
  IndexWriter(const std::filesystem::path& path, const IndexOptions& options);
  /// What was moved from may only be destroyed or assigned to.
  IndexWriter(IndexWriter&&) noexcept;
  /// The index that this object wrote is given up as by its destructor.
  IndexWriter& operator=(IndexWriter&&) noexcept;
  /// What was not committed is lost.
  ~IndexWriter();

  /// Takes the next input of a listing. `content` and `stamp` as for Run::take: the size of a file
  /// and its time. Nothing: the index has the row of it. The listing is remembered for
  /// remove_unlisted().
  std::optional<RunInput> take(std::string_view id, std::string_view content,
                               std::string_view stamp = {});
  /// Takes a container instead of its inputs: a file of several, an archive or a film, whose ids
  /// are its name and more behind a '/' or '#'. True: each has its row, as when end_container() was
  /// called with the same, and counts as listed; nothing need be read.
  bool take_container(std::string_view name, std::string_view content, std::string_view stamp = {});
  /// take() has had all `inputs` of the container. It is remembered once all have rows.
  void end_container(std::string_view name, std::string_view content, std::string_view stamp,
                     std::uint64_t inputs);
  /// The row of an input that take() gave, and what to look at, if anything. Throws
  /// Error(invalid_argument) for a row of another dim, of zeros, or with a value that is not
  /// finite.
  void add(const RunInput& input, std::span<const float> row, const Thumbnail& thumbnail = {});
  /// The input has no row; one that the index has of an earlier state of it goes.
  void fail(const RunInput& input);

  /// A row of a program's own. An id that is there gets this row, unless it has it. Throws as the
  /// other.
  void add(std::string_view id, std::span<const float> row, const Thumbnail& thumbnail = {});
  /// False: there is no such id.
  bool remove(std::string_view id);
  /// Removes the rows whose ids neither take() nor add() has had since the writer was made, and for
  /// which `among` is true. How many those are.
  std::uint64_t remove_unlisted(const std::function<bool(std::string_view id)>& among);

  /// Commits when commit_rows or commit_interval say so.
  void commit_if_due();
  /// Brings what was added and removed to the disk. Throws Error(io) when it cannot; the index
  /// stays as it was.
  void commit();
  /// Commits, and writes all rows into one file without those that were removed. commit() does so
  /// by itself where many files or removed rows have come together.
  void compact();

  /// Commits, and where the index is of kind hnsw links the rows that were added since it did so
  /// last; all, where rows have been compacted away among them. A few rows are left to be looked at
  /// one by one: some thousand, or a hundredth of all. Takes some milliseconds a row. `progress` is
  /// called with how many are done, of how many; returning false ends the call with
  /// Error(cancelled), and leaves what was committed. What links there are.
  std::optional<IndexGraphInfo> update_graph(
      const std::function<bool(std::uint64_t done, std::uint64_t total)>& progress = nullptr);

  /// Components of a row.
  std::size_t dim() const;
  /// Pixels of the longer side that thumbnails are to have; 0: none are kept.
  int thumbnail_side() const;
  /// What was done so far.
  IndexSummary summary() const;
  /// As Run::warning.
  std::string warning() const;

 private:
  struct LLM2CLIP_LOCAL Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace llm2clip
