#pragma once

#include <cstdint>
#include <exception>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "flags/args.h"
#include "inputs/file_uses.h"
#include "jobs/bounded_queue.h"
#include "jobs/job.h"
#include "llm2clip/run.h"
#include "terminal/output.h"

namespace llm2clip::cli {

/// Where rows go: into the shards of a run (-o), or to standard output as JSON lines. Writing has a
/// thread of its own, so that the disk and the network do not wait for one another.
class Results {
 public:
  using Provenance = std::vector<std::pair<std::string, std::string>>;

  /// Throws Error(invalid_argument) or Error(io) for an output that would be refused. Cheap: before
  /// a model is loaded.
  static void check(const OutputFlags& output, const JobFlags& job);
  /// What a job writes, for its command to add what it reads. Throws Error(invalid_argument).
  static FileUses written_files(const OutputFlags& output, const JobFlags& job);

  /// What the run that --resume goes on with recorded under `name`; empty: nothing.
  /// Throws as recorded_provenance does.
  static std::string recorded(const OutputFlags& output, const JobFlags& job,
                              const std::string& name);

  /// `computing` as RunOptions has it. Throws as Run does.
  Results(const OutputFlags& output, const JobFlags& job, Provenance provenance,
          Provenance computing, std::size_t dim);
  Results(const Results&) = delete;
  Results& operator=(const Results&) = delete;
  /// As close().
  ~Results();

  /// The next input, in order; empty: another process has done it, or it is another shard's.
  /// `content` and `stamp` as for Run::take. For one thread; the others are for another one.
  std::optional<RunInput> take(std::string_view id, std::string_view content,
                               std::string_view stamp = {});

  /// Throws what the writing thread met with, ReaderGone among it.
  void add(Batch batch);
  /// After the last batch.
  RunSummary finish();
  /// Before the last batch: what was added is committed, and the run can go on later.
  RunSummary stop();

  /// Where something else went wrong: commits what was added, and keeps silent about what then
  /// fails.
  void close() noexcept;

  /// As Run::warning.
  std::string warning() const { return run_ ? run_->warning() : std::string(); }
  /// See Run::notes.
  std::vector<std::string> notes() { return run_ ? run_->notes() : std::vector<std::string>(); }

 private:
  void write(const Batch& batch);
  void write_lines(const Batch& batch);
  void end_writing();

  const OutputFlags flags_;
  const JobFlags job_;
  std::optional<Run> run_;  // none: standard output
  std::uint64_t seen_ = 0;  // inputs of all shards
  std::uint64_t taken_ = 0;

  BoundedQueue<Batch> queue_;
  std::exception_ptr failure_;  // of the thread, read after it has ended
  std::thread writer_;

  // Of standard output.
  Output output_;
  std::ofstream errors_;
  RunSummary counted_;
};

}  // namespace llm2clip::cli
