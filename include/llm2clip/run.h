#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llm2clip/embeddings_file.h"
#include "llm2clip/export.h"

namespace llm2clip {

/// What happens when the output of a run is there already, or an unfinished run to it.
enum class Existing {
  refuse,     ///< Error(io)
  resume,     ///< an unfinished run of the same provenance goes on; of a finished one inputs are
              ///< compared
  overwrite,  ///< both are replaced
};

/// What the output of a run is.
enum class OutputLayout {
  file,  ///< one file, by its ending
  /// A folder as clip-retrieval's inference writes it, which embedding-reader and autofaiss read:
  /// img_emb/img_emb_0000.npy and metadata/metadata_0000.parquet, whose column image_path has the
  /// ids; the next partition is 0001.
  clip_retrieval_images,
  clip_retrieval_texts,  ///< the same with text_emb/text_emb_0000.npy and a column caption
};

/// What a run writes, and how often.
struct RunOptions {
  Existing existing = Existing::refuse;                  ///< about what is there already
  StoredPrecision precision = StoredPrecision::float32;  ///< of chunks and of the final file
  std::size_t dim = 0;                                   ///< components of a row, at least 1
  /// What the rows mean: model and its hashes, precision, preprocessing, options. Goes into the
  /// final file as provenance; a run is resumed only by one with the same provenance. UTF-8; no
  /// name twice, none that begins with "run." or "computing.".
  std::vector<std::pair<std::string, std::string>> provenance;
  /// How this process computes them, as far as it changes rounding alone: how a tower was
  /// optimized. It goes into the final file, too. A run may be resumed, and shards joined, where it
  /// differs; the file then names all values, but only the first of a name that ends in "_reason".
  /// Otherwise as `provenance`.
  std::vector<std::pair<std::string, std::string>> computing = {};
  std::size_t commit_rows = 4096;            ///< inputs after which a chunk is written
  std::chrono::seconds commit_interval{30};  ///< time after which a chunk is written
  /// `shard` of `shards` (from 1) runs that share a list of inputs: input i is this run's where
  /// i % shards == shard - 1. Give every run the whole list; merge_runs joins them.
  unsigned shard = 1;
  unsigned shards = 1;                       ///< how many share the list
  OutputLayout layout = OutputLayout::file;  ///< of the output
  std::size_t partition_rows = 1'000'000;    ///< rows of a partition, where a layout has them
};

/// What a run writes beside its output, which may be a folder.
struct RunFiles {
  std::vector<std::filesystem::path> beside;  ///< appear with the output, where they are needed
  std::filesystem::path folder;               ///< of the run while it is unfinished
};

/// One input of a run.
struct RunInput {
  std::uint64_t index = 0;  ///< position among the inputs of this run, from 0
  std::string id;           ///< as it stands in the files of ids
  std::string digest;       ///< of its id and content
};

/// Why an input has no row.
struct RunFailure {
  std::string stage;    ///< "list", "read", "tokenize", "encode"
  std::string code;     ///< "unreadable_input", "not_finite", "zero_norm", "out_of_memory"
  std::string message;  ///< one line for people
};

/// What became of the inputs: inputs == embedded + failed.
struct RunSummary {
  std::uint64_t inputs = 0;    ///< of this run
  std::uint64_t embedded = 0;  ///< rows of the final file
  std::uint64_t failed = 0;    ///< lines of the errors file
  std::uint64_t resumed = 0;   ///< inputs that an earlier process had done
  std::uint64_t redone = 0;    ///< inputs that it had done and that changed since, see Run::notes
  std::map<std::string, std::uint64_t> failed_by_code;  ///< adds up to `failed`
  std::map<std::string, std::uint64_t> counts;          ///< of Run::count
  std::string warning = {};                             ///< of merge_runs, as Run::warning
  std::vector<std::filesystem::path> files = {};        ///< of merge_runs_to_chunks, by shard
};

/// A job whose rows reach the disk chunk by chunk, so that a crash loses one chunk at most.
///
/// Beside the output stands the folder `<output>.run`: `run.json` (the provenance), one `chunk-*`
/// file a chunk, written under a temporary name, synced, renamed, the folder synced, and `journal`,
/// which gets a line with range, size, SHA-256 and its own CRC-32 afterwards. finish() makes the
/// final file of the chunks and removes the folder. `flock` keeps a second writer out; where a file
/// system has none, a file with the number and host of the process does, which is compared before
/// each commit.
///
/// A chunk has a digest of each of its inputs. Where an input has changed when the run is resumed,
/// it and those after it in its chunk are computed again. A final file has no chunks any more: a
/// changed input is refused.
///
///   Run run("rows.npy", {.dim = 1280, .provenance = provenance});
///   if (auto input = run.take(path, content)) {  // for each input of the list, in order
///     run.add(*input, row);                      // or run.fail(*input, why)
///     run.commit_if_due();
///   }
///   run.finish();
///
/// take() may be called in one thread while another adds. Members throw Error(io) for what cannot
/// be written; the chunks that were committed stay, and Existing::resume goes on after them.
class LLM2CLIP_API Run {
 public:
  /// Error(invalid_argument) for an output path of another ending or a shard out of range;
  /// Error(io) when the output is there (by `existing`), belongs to a run of other provenance, or
  /// is being written by another process.
  Run(const std::filesystem::path& output, RunOptions options);
  /// The first half of the constructor's checks, cheap, before a model is loaded: whether `output`
  /// can be written at all, and is not refused by RunOptions::existing. Throws as the constructor.
  static void check(const std::filesystem::path& output, const RunOptions& options);
  /// RunOptions::provenance and `computing` of the run to `output` that Existing::resume would go
  /// on with, or of the finished one; empty: there is none. A program that resumes takes choices
  /// from it that are to be the same again. Throws Error(io) when they are damaged or of another
  /// format.
  static std::vector<std::pair<std::string, std::string>> recorded(
      const std::filesystem::path& output, const RunOptions& options);
  /// What a run to `output` writes beside it, whatever is there: names with links followed. Throws
  /// Error(io) for links in a circle.
  static RunFiles files(const std::filesystem::path& output, unsigned shard = 1,
                        unsigned shards = 1);

  /// What was moved from may only be destroyed or assigned to.
  Run(Run&&) noexcept;
  /// The run that this object was is given up as by its destructor.
  Run& operator=(Run&&) noexcept;
  /// Without finish() the folder stays, for a later process; where nothing was committed it goes.
  ~Run();

  /// Takes the next input of the list, in its order. `content` identifies the input together with
  /// its id wherever the list is read: its bytes, or the size of a file. `stamp` shows a change on
  /// this machine alone: the time of a file. Shards must agree on ids and contents of the whole
  /// list, not on stamps.
  /// Returns nothing where the input is another shard's, or an earlier process has done it. Throws
  /// Error(io) when the final file is there and was made of other inputs.
  std::optional<RunInput> take(std::string_view id, std::string_view content,
                               std::string_view stamp = {});

  /// The row of an input that take() gave, `dim` values; inputs come in the order of take().
  void add(const RunInput& input, std::span<const float> row);
  /// The input has no row.
  void fail(const RunInput& input, const RunFailure& failure);
  /// Counts something about the input that was added or failed last: "truncated".
  void count(const std::string& what, std::uint64_t more);

  /// Writes a chunk when commit_rows or commit_interval say so, or ids and messages pass 32 MiB.
  void commit_if_due();
  /// Writes a chunk of what was added since the last one.
  void commit();

  /// After the last input: commits and, where `shards` is 1, writes the final file, its `.run.json`
  /// (provenance, summary, SHA-256) and, where inputs failed, its `.errors.jsonl`, and removes the
  /// folder. Otherwise the folder waits for merge_runs.
  /// Throws Error(io) when an earlier process saw more inputs than there are now, or finished with
  /// others.
  RunSummary finish();

  /// An earlier process has finished. take() compares the inputs with those that it had, and
  /// finish() gives its summary.
  bool complete() const;
  /// Lines for people, each returned once: damaged chunks and changed inputs, and what is computed
  /// again for them. Any thread may ask.
  std::vector<std::string> notes();
  /// Of all processes, committed or not.
  RunSummary summary() const;
  /// A line for people about what is less safe here than elsewhere: a file system without `flock`.
  /// Empty where nothing is.
  std::string warning() const;
  /// The folder of chunks.
  const std::filesystem::path& folder() const;

 private:
  struct LLM2CLIP_LOCAL Impl;
  std::unique_ptr<Impl> impl_;
};

/// Joins the finished runs of all shards into one output, rows in the order of inputs, and removes
/// their folders. `folders` empty: those beside `output`, which must be of one set. Where an
/// earlier process had joined them and was stopped before it had removed all, the rest is removed.
/// Throws Error(io) when a shard is missing, unfinished, damaged, being written, or of other
/// provenance or another list.
LLM2CLIP_API RunSummary merge_runs(const std::filesystem::path& output,
                                   std::vector<std::filesystem::path> folders = {},
                                   bool overwrite = false);

/// Makes a file of each shard instead: "rows-00002-of-00008.npy" has the second's of "rows.npy",
/// its rows in the order of its inputs, and beside it its own `.run.json` and `.errors.jsonl`,
/// whose positions are those of the whole list. Each folder goes when its file is there, so no more
/// than one shard is on the disk twice; a merge that was stopped is finished by the same call.
/// `folders` and errors are as in merge_runs; `overwrite` is about the files of shards.
LLM2CLIP_API RunSummary merge_runs_to_chunks(const std::filesystem::path& output,
                                             std::vector<std::filesystem::path> folders = {},
                                             bool overwrite = false);

}  // namespace llm2clip
