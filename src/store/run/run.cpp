#include "llm2clip/run.h"

#include <cstdio>
#include <utility>

#include "base/errors_only.h"
#include "base/file_calls.h"
#include "base/sha256.h"
#include "llm2clip/error.h"
#include "store/run/chunk_ranges.h"
#include "store/run/earlier_chunks.h"
#include "store/run/final_files.h"
#include "store/run/finished_inputs.h"
#include "store/run/journal.h"
#include "store/run/output_digest.h"
#include "store/run/pending_chunk.h"
#include "store/run/run_folder.h"
#include "store/run/run_report.h"

namespace llm2clip {

namespace fs = std::filesystem;

namespace {

void check_no_gaps(const fs::path& folder, const std::vector<ChunkRange>& ranges,
                   std::uint64_t inputs) {
  const std::uint64_t end = end_without_gap(ranges);
  const std::uint64_t held = ranges.empty() ? 0 : ranges.back().end;
  if (end == inputs && held == inputs) return;
  if (held > inputs) {
    throw Error(ErrorKind::io, folder.string() + ": its chunks hold " + std::to_string(held) +
                                   " inputs, and the list has only " + std::to_string(inputs) +
                                   " now; give the whole list again, or overwrite the run");
  }
  throw Error(ErrorKind::io, folder.string() + ": its chunks end at input " + std::to_string(end) +
                                 " of " + std::to_string(inputs) + "; resume the run");
}

// Throws where the finished output is not as `report` says.
void check_finished(const fs::path& output, const RunReport& report, const RunOptions& options) {
  check_same_run(output, report.provenance, provenance_of(options));
  const std::uint64_t bytes = bytes_of_output(output);
  if (bytes == report.output_bytes) return;
  throw Error(ErrorKind::io, output.string() + ": has " + std::to_string(bytes) + " bytes, and " +
                                 std::to_string(report.output_bytes) +
                                 " when it was written; it was changed or damaged, overwrite it");
}

}  // namespace

struct Run::Impl {
  fs::path output;
  RunOptions options;
  std::optional<RunFolder> folder;  // none: the output is complete
  std::optional<Journal> journal;
  RunNotes notes;
  std::optional<EarlierChunks> earlier;  // where there is a folder
  std::vector<ChunkRecord> done;         // of this process
  std::size_t next_file = 0;             // number in the name of the next chunk
  bool complete = false;
  std::optional<RunEnd> end;  // what an earlier process finished with
  RunSummary report;          // of a complete output

  // Of the thread that calls take().
  std::uint64_t listed = 0;
  std::uint64_t taken = 0;
  Sha256 list;
  std::optional<FinishedInputs> finished_inputs;
  // RunOptions::computing of this process, while `options` has that of earlier ones alone.
  std::optional<std::vector<std::pair<std::string, std::string>>> here;

  // Of the thread that adds.
  PendingChunk pending;

  ~Impl();
  bool output_is_there();
  void start();
  void join_run(const RunProvenance& there);
  void resume(const JournalContent& content);
  void record_computing();
  bool is_same_end(const RunEnd& now) const;
  RunSummary write_output(std::vector<ChunkRange> ranges, const RunEnd& now,
                          const RunSummary& so_far);
};

// ---- Start: what earlier processes left

Run::Run(const fs::path& output, RunOptions options) try : impl_(std::make_unique<Impl>()) {
  check(output, options);
  impl_->output = run_target(output);
  impl_->options = std::move(options);
  if (!impl_->output_is_there()) impl_->start();
} catch (...) {
  rethrow_as_error(output);
}

Run::Run(Run&&) noexcept = default;
Run& Run::operator=(Run&&) noexcept = default;
Run::~Run() = default;

Run::Impl::~Impl() {
  const bool nothing_earlier = !earlier || earlier->ranges().empty();
  if (!journal || !nothing_earlier || !done.empty() || complete) return;
  try {
    folder->remove();
  } catch (...) {  // nothing is in it that anybody misses
  }
}

// Whether nothing is to be done because an earlier process has finished.
bool Run::Impl::output_is_there() {
  if (options.existing != Existing::resume || options.shards > 1 || !fs::exists(output)) {
    return false;
  }
  const fs::path path = run_folder_path(output, options.shard, options.shards);
  if (fs::exists(path)) {
    RunFolder unfinished(path);
    // Killed while it wrote the final file, or while it removed the folder.
    if (!unfinished.read_journal().finished) return false;
    unfinished.remove();
  }
  RunReport found = read_run_report(output);
  check_finished(output, found, options);
  complete = true;
  report = found.summary;
  report.resumed = report.inputs;
  finished_inputs.emplace(output, std::move(found.inputs));
  return true;
}

void Run::Impl::start() {
  folder.emplace(run_folder_path(output, options.shard, options.shards));
  folder->check_ours();
  if (options.existing == Existing::overwrite) folder->clear();
  const std::optional<RunProvenance> there = folder->read_provenance();
  if (there) {
    join_run(*there);
  } else {
    folder->clear();
    folder->write_provenance(provenance_of(options));
  }
  resume(folder->read_journal());
}

// Goes on with a run of the same provenance.
void Run::Impl::join_run(const RunProvenance& there) {
  check_same_run(folder->path(), there, provenance_of(options));
  const RunOptions recorded = options_of(provenance_path(folder->path()), there);
  here = std::exchange(options.computing, recorded.computing);
}

void Run::Impl::resume(const JournalContent& content) {
  earlier.emplace(folder->path(), content.chunks, notes);
  // Damaged chunks are made anew under new names.
  next_file = content.chunks.size();
  folder->remove_strays(earlier->records());
  journal.emplace(journal_path(folder->path()), content);
  complete = content.finished && end_without_gap(earlier->ranges()) == content.finished->inputs;
  if (complete) end = content.finished;
}

// ---- Inputs

std::optional<RunInput> Run::take(std::string_view id, std::string_view content,
                                  std::string_view stamp) try {
  Impl& impl = *impl_;
  const std::uint64_t number = impl.listed++;
  std::string bytes = std::to_string(id.size()) + ':';
  bytes += id;
  bytes += content;
  const std::string digest = sha256_of(bytes);
  impl.list.add(digest);
  if (number % impl.options.shards != impl.options.shard - 1) return std::nullopt;
  RunInput input{impl.taken++, std::string(id),
                 stamp.empty() ? digest : sha256_of(digest + std::string(stamp))};
  if (impl.finished_inputs) {
    impl.finished_inputs->add(input.index, input.id, short_digest(input.digest));
    return std::nullopt;
  }
  if (impl.earlier->hold(input)) return std::nullopt;
  impl.record_computing();
  return input;
} catch (...) {
  rethrow_as_error(folder());
}

// Before the first row of this process: what differs in how it is computed is recorded.
void Run::Impl::record_computing() {
  const auto now = std::exchange(here, std::nullopt);
  if (!now) return;
  const auto before = options.computing;
  // A process that takes the recorded precision again was asked for it: the first reason stays.
  if (!add_computing(options.computing, *now)) return;
  if (earlier->ranges().empty()) options.computing = *now;
  folder->write_provenance(provenance_of(options));
  if (earlier->ranges().empty()) return;
  std::string line = folder->path().string() +
                     ": rows were computed otherwise so far and differ in "
                     "their last digits:";
  for (const auto& [name, value] : before) {
    for (const auto& [same, all] : options.computing) {
      if (same == name && value != all) line += " " + name + " is " + all;
    }
  }
  notes.add(line);
}

void Run::add(const RunInput& input, std::span<const float> row) try {
  if (row.size() != impl_->options.dim) {
    throw Error(ErrorKind::invalid_argument, "row: " + std::to_string(row.size()) +
                                                 " values, the run's rows have " +
                                                 std::to_string(impl_->options.dim));
  }
  impl_->pending.check_order(input);
  if (impl_->pending.ends_before(input)) commit();
  impl_->pending.add(input, row);
} catch (...) {
  rethrow_as_error(folder());
}

void Run::fail(const RunInput& input, const RunFailure& failure) try {
  impl_->pending.check_order(input);
  if (impl_->pending.ends_before(input)) commit();
  impl_->pending.fail(input, failure);
} catch (...) {
  rethrow_as_error(folder());
}

void Run::count(const std::string& what, std::uint64_t more) try {
  impl_->pending.count(what, more);
} catch (...) {
  rethrow_as_error(folder());
}

// ---- Commits, and the end

void Run::commit_if_due() {
  if (impl_->pending.is_due(impl_->options)) commit();
}

void Run::commit() try {
  Impl& impl = *impl_;
  if (impl.pending.empty()) return;
  impl.folder->check_lock();
  const Chunk& chunk = impl.pending.chunk(impl.options.dim);
  char name[32];
  std::snprintf(name, sizeof name, "chunk-%05zu.safetensors", impl.next_file++);
  ChunkRecord record = write_chunk(impl.folder->path(), name, chunk, impl.options.precision);
  impl.journal->append(record);
  impl.done.push_back(std::move(record));
  impl.pending.clear();
} catch (...) {
  rethrow_as_error(folder());
}

RunSummary Run::finish() try {
  Impl& impl = *impl_;
  if (!impl.folder) {
    impl.finished_inputs->finish(impl.taken);
    return impl.report;
  }
  commit();
  impl.folder->check_lock();
  std::vector<ChunkRange> ranges = newest_chunks(impl.earlier->ranges(), impl.done);
  check_no_gaps(impl.folder->path(), ranges, impl.taken);
  count_rows(impl.folder->path(), ranges);
  const RunEnd now = {impl.taken, impl.listed, impl.list.hex()};
  RunSummary result = summary();
  const bool whole = impl.options.shards == 1;
  if (whole) result = impl.write_output(std::move(ranges), now, result);
  if (!impl.is_same_end(now)) impl.journal->append_finished(now);
  impl.complete = true;
  if (whole) impl.folder->remove();
  return result;
} catch (...) {
  rethrow_as_error(impl_->output);
}

RunSummary Run::Impl::write_output(std::vector<ChunkRange> ranges, const RunEnd& now,
                                   const RunSummary& so_far) {
  const RunChunks chunks{folder->path(), std::move(ranges)};
  RunSummary result = write_final_files(output, std::span(&chunks, 1), options, now);
  result.resumed = so_far.resumed;
  result.redone = so_far.redone;
  return result;
}

// Whether the journal says already that the run ends so.
bool Run::Impl::is_same_end(const RunEnd& now) const {
  return end && done.empty() && end->listed == now.listed && end->list_sha256 == now.list_sha256;
}

// ---- What it tells

bool Run::complete() const { return impl_->complete; }

std::vector<std::string> Run::notes() { return impl_->notes.take(folder()); }

RunSummary Run::summary() const {
  if (!impl_->folder) return impl_->report;
  RunSummary summary = impl_->earlier->summary();
  const auto add = [&](std::uint64_t inputs, std::uint64_t rows) {
    summary.inputs += inputs;
    summary.embedded += rows;
    summary.failed += inputs - rows;
  };
  for (const ChunkRecord& chunk : impl_->done) add(chunk.end - chunk.first, chunk.rows);
  add(impl_->pending.inputs(), impl_->pending.rows());
  return summary;
}

std::string Run::warning() const {
  return impl_->folder ? impl_->folder->lock_warning() : std::string();
}

const fs::path& Run::folder() const {
  return impl_->folder ? impl_->folder->path() : impl_->output;
}

}  // namespace llm2clip
