#include "llm2clip/run.h"

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <utility>

#include "base/errors_only.h"
#include "base/file_calls.h"
#include "base/sha256.h"
#include "llm2clip/error.h"
#include "store/embeddings_writer.h"
#include "store/run/chunk_file.h"
#include "store/run/chunk_ranges.h"
#include "store/run/final_files.h"
#include "store/run/journal.h"
#include "store/run/run_folder.h"
#include "store/run/run_report.h"

namespace llm2clip {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

namespace {

// Ids and messages of a chunk, which are in memory while it is written and read.
constexpr std::size_t kMostTextBytes = 32u << 20;
// Changes that are told one by one.
constexpr std::size_t kMostNotes = 5;

void refuse_existing(const fs::path& path, const std::string& what) {
  throw Error(ErrorKind::io, path.string() + ": " + what);
}

// What was added since the last commit.
struct Pending {
  Chunk chunk;
  std::vector<float> values;
  std::size_t text_bytes = 0;  // of ids and messages
  Clock::time_point since;
};

std::string inputs_from_to(std::uint64_t first, std::uint64_t end) {
  if (first + 1 == end) return "input " + std::to_string(first);
  return "inputs " + std::to_string(first) + " to " + std::to_string(end - 1);
}

// For a message: ids may be texts of a megabyte, or have line ends.
std::string in_quotes(std::string id) {
  constexpr std::size_t kLongest = 80;
  std::size_t size = std::min(id.size(), kLongest);
  while (size > 0 && size < id.size() && (static_cast<unsigned char>(id[size]) & 0xC0u) == 0x80)
    --size;
  const char* const end = size < id.size() ? "...'" : "'";
  id.resize(size);
  for (char& c : id) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return "'" + id + end;
}

void check_no_gaps(const fs::path& folder, const std::vector<ChunkRange>& ranges,
                   std::uint64_t inputs) {
  const std::uint64_t end = end_without_gap(ranges);
  const std::uint64_t held = ranges.empty() ? 0 : ranges.back().end;
  if (end == inputs && held == inputs) return;
  if (held > inputs) {
    throw Error(ErrorKind::io, folder.string() + ": its chunks hold " + std::to_string(held) +
                                   " inputs, and the list has only " + std::to_string(inputs) +
                                   " now; give the whole list again, or start anew with "
                                   "--overwrite");
  }
  throw Error(ErrorKind::io, folder.string() + ": its chunks end at input " + std::to_string(end) +
                                 " of " + std::to_string(inputs) + "; go on with --resume");
}

// Compares the inputs of a final file with those that it was made of.
class FinishedInputs {
 public:
  FinishedInputs(fs::path output, InputDigests digests)
      : output_(std::move(output)), known_(std::move(digests)), found_(known_.block) {}

  void add(std::uint64_t index, const std::string& id, const std::string& digest) {
    if (index % known_.block == 0) first_id_ = id;
    if (index >= known_.listed)
      refuse("has more than the " + std::to_string(known_.listed) +
             " inputs that it was made of: " + in_quotes(id));
    compare(index, found_.add(digest));
  }

  // After the last of `count`.
  void finish(std::uint64_t count) {
    if (count == known_.listed) {
      if (count > 0) compare(count - 1, found_.rest());
      return;
    }
    refuse("was made of " + std::to_string(known_.listed) + " inputs, and there are " +
           std::to_string(count) + " now");
  }

 private:
  void compare(std::uint64_t last, const std::optional<std::string>& digest) {
    const std::uint64_t block = last / known_.block;
    if (!digest || *digest == known_.blocks[block]) return;
    const std::uint64_t first = block * known_.block;
    const std::uint64_t end = std::min(first + known_.block, known_.listed);
    refuse("was made of other inputs: " +
           (known_.block == 1
                ? "input " + std::to_string(first) + ", " + in_quotes(first_id_) + ", is"
                : inputs_from_to(first, end) + ", from " + in_quotes(first_id_) + " on, are") +
           " not what it was made of");
  }

  [[noreturn]] void refuse(const std::string& why) const {
    throw Error(ErrorKind::io, output_.string() + ": is finished and " + why +
                                   "; put the inputs back, or make it anew with --overwrite");
  }

  fs::path output_;
  InputDigests known_;
  BlockDigests found_;
  std::string first_id_;  // of the block
};

// What take() and other threads share.
struct Shared {
  std::mutex mutex;
  std::vector<std::string> notes;  // that nobody has asked for yet
  std::size_t told = 0;
  std::uint64_t not_told = 0;
  RunSummary earlier;  // of earlier processes, without what is made anew
};

}  // namespace

struct Run::Impl {
  fs::path output;
  RunOptions options;
  std::optional<RunFolder> folder;  // none: the output is complete
  std::optional<Journal> journal;
  std::vector<ChunkRange> earlier;  // of earlier processes, by first input
  std::vector<ChunkRecord> done;    // of this process
  std::size_t next_file = 0;        // number in the name of the next chunk
  bool complete = false;
  std::optional<RunEnd> end;  // what an earlier process finished with
  RunSummary report;          // of a complete output
  mutable Shared shared;

  // Of the thread that calls take().
  std::uint64_t listed = 0;
  std::uint64_t taken = 0;
  Sha256 list;
  std::optional<FinishedInputs> finished_inputs;
  std::size_t at = 0;                  // among `earlier`
  std::vector<InputOutcome> outcomes;  // of its chunk
  bool stale = false;                  // what is left of it is made anew
  // RunOptions::computing of this process, while `options` has that of earlier ones alone.
  std::optional<std::vector<std::pair<std::string, std::string>>> here;

  // Of the thread that adds.
  std::optional<Pending> pending;
  std::uint64_t least_next = 0;  // index of the next input, or more

  ~Impl();
  void start();
  void join_run(const RunProvenance& there);
  void record_computing();
  void resume(const JournalContent& content);
  bool output_is_there();
  void check_order(const RunInput& input) const;
  bool was_done(const RunInput& input);
  void note(const std::string& line);
  Pending& pending_for(const RunInput& input, bool failed);
  RunEnd end_now();
};

RunFiles run_files(const fs::path& output, unsigned shard, unsigned shards) try {
  const fs::path target = target_of(output);
  RunFiles files{side_files(target), run_folder_path(target, shard, shards)};
  files.beside.push_back(run_report_path(target));
  files.beside.push_back(errors_path(target));
  return files;
} catch (...) {
  rethrow_as_error(output);
}

void check_run_output(const fs::path& output, const RunOptions& options) try {
  check_provenance(output, options);
  const fs::path target = target_of(output);
  check_embeddings_path(target);
  if (options.existing != Existing::refuse) return;
  if (options.shards == 1 && fs::exists(target)) {
    refuse_existing(output, "exists; give another name, or replace it with --overwrite");
  }
  const fs::path folder = run_folder_path(target, options.shard, options.shards);
  if (!fs::exists(folder)) return;
  const RunFolder locked(folder);  // throws when a process is at work
  if (!fs::exists(locked.journal_path())) return;
  refuse_existing(folder,
                  "an unfinished run is there; go on with --resume, or start anew with "
                  "--overwrite");
} catch (...) {
  rethrow_as_error(output);
}

Run::Run(const fs::path& output, RunOptions options) try : impl_(std::make_unique<Impl>()) {
  check_run_output(output, options);
  impl_->output = target_of(output);
  impl_->options = std::move(options);
  impl_->start();
} catch (...) {
  rethrow_as_error(output);
}

Run::Run(Run&&) noexcept = default;
Run& Run::operator=(Run&&) noexcept = default;
Run::~Run() = default;

Run::Impl::~Impl() {
  if (!journal || !earlier.empty() || !done.empty() || complete) return;
  try {
    folder->remove();
  } catch (...) {  // nothing is in it that anybody misses
  }
}

void Run::Impl::start() {
  if (output_is_there()) return;
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

// Before the first row of this process: what differs in how it is computed is recorded.
void Run::Impl::record_computing() {
  const auto now = std::exchange(here, std::nullopt);
  if (!now) return;
  const auto before = options.computing;
  if (earlier.empty()) {
    options.computing = *now;
  } else if (!add_computing(options.computing, *now)) {
    return;
  }
  folder->write_provenance(provenance_of(options));
  if (earlier.empty()) return;
  std::string line = folder->path().string() +
                     ": rows were computed otherwise so far and differ in "
                     "their last digits:";
  for (const auto& [name, value] : before) {
    for (const auto& [same, all] : options.computing) {
      if (same == name && value != all) line += " " + name + " is " + all;
    }
  }
  note(line);
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
  check_same_run(output, found.provenance, provenance_of(options));
  if (fs::file_size(output) != found.output_bytes) {
    refuse_existing(output,
                    "has " + std::to_string(fs::file_size(output)) + " bytes, and " +
                        std::to_string(found.output_bytes) +
                        " when it was written; it was changed or damaged, make it anew with "
                        "--overwrite");
  }
  complete = true;
  report = found.summary;
  report.resumed = report.inputs;
  finished_inputs.emplace(output, std::move(found.inputs));
  return true;
}

void Run::Impl::resume(const JournalContent& content) {
  std::vector<ChunkRecord> sound;
  for (ChunkRange& range : newest_chunks(content.chunks)) {
    if (chunk_is_sound(folder->path(), range.chunk)) {
      sound.push_back(range.chunk);
      earlier.push_back(std::move(range));
    } else {
      note((folder->path() / range.chunk.file).string() + ": is damaged or missing; " +
           inputs_from_to(range.first, range.end) + " are made anew");
    }
  }
  count_rows(folder->path(), earlier);
  for (const ChunkRange& range : earlier) {
    shared.earlier.inputs += range.end - range.first;
    shared.earlier.embedded += range.rows;
  }
  shared.earlier.failed = shared.earlier.inputs - shared.earlier.embedded;
  // Damaged chunks are made anew under new names.
  next_file = content.chunks.size();
  folder->remove_strays(sound);
  journal.emplace(folder->journal_path(), content);
  complete = content.finished && end_without_gap(earlier) == content.finished->inputs;
  if (complete) end = content.finished;
}

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
  if (impl.was_done(input)) return std::nullopt;
  impl.record_computing();
  return input;
} catch (...) {
  rethrow_as_error(folder());
}

void Run::Impl::check_order(const RunInput& input) const {
  if (input.index >= least_next) return;
  throw Error(ErrorKind::invalid_argument,
              "input " + std::to_string(input.index) +
                  ": it or a later one was added before; inputs come in the order of take()");
}

// Whether a chunk of an earlier process holds the input as it is.
bool Run::Impl::was_done(const RunInput& input) {
  while (at < earlier.size() && earlier[at].end <= input.index) {
    ++at;
    stale = false;
    outcomes.clear();
  }
  if (at == earlier.size() || input.index < earlier[at].first) return false;
  const ChunkRange& range = earlier[at];
  if (outcomes.empty()) outcomes = read_outcomes(folder->path(), range.chunk);
  const InputOutcome& outcome = outcomes[input.index - range.chunk.first];
  if (!stale) {
    if (outcome.digest == short_digest(input.digest)) return true;
    stale = true;
    note(folder->path().string() + ": input " + std::to_string(input.index) + ", " +
         in_quotes(input.id) + ", is not what it was; " + inputs_from_to(input.index, range.end) +
         (input.index + 1 == range.end ? " is" : " are") + " made anew");
  }
  const std::scoped_lock lock(shared.mutex);
  --shared.earlier.inputs;
  --(outcome.failed ? shared.earlier.failed : shared.earlier.embedded);
  ++shared.earlier.redone;
  return false;
}

void Run::Impl::note(const std::string& line) {
  const std::scoped_lock lock(shared.mutex);
  if (shared.told++ < kMostNotes) {
    shared.notes.push_back(line);
  } else {
    ++shared.not_told;
  }
}

std::vector<std::string> Run::notes() {
  Shared& shared = impl_->shared;
  const std::scoped_lock lock(shared.mutex);
  std::vector<std::string> lines = std::exchange(shared.notes, {});
  if (const auto more = std::exchange(shared.not_told, 0); more > 0) {
    lines.push_back(folder().string() + ": " + std::to_string(more) +
                    " more places changed or are damaged, and are made anew");
  }
  return lines;
}

Pending& Run::Impl::pending_for(const RunInput& input, bool failed) {
  least_next = input.index + 1;
  if (!pending) {
    pending.emplace();
    pending->chunk.first = input.index;
    pending->since = Clock::now();
  }
  pending->chunk.end = input.index + 1;
  pending->chunk.outcomes.push_back({short_digest(input.digest), failed});
  pending->text_bytes += input.id.size();
  return *pending;
}

void Run::add(const RunInput& input, std::span<const float> row) try {
  if (row.size() != impl_->options.dim) {
    throw Error(ErrorKind::invalid_argument, "row: " + std::to_string(row.size()) +
                                                 " values, the run's rows have " +
                                                 std::to_string(impl_->options.dim));
  }
  impl_->check_order(input);
  if (impl_->pending && impl_->pending->chunk.end != input.index) commit();  // over what is done
  Pending& pending = impl_->pending_for(input, /*failed=*/false);
  pending.chunk.ids.push_back(input.id);
  pending.values.insert(pending.values.end(), row.begin(), row.end());
} catch (...) {
  rethrow_as_error(folder());
}

void Run::fail(const RunInput& input, const RunFailure& failure) try {
  impl_->check_order(input);
  if (impl_->pending && impl_->pending->chunk.end != input.index) commit();
  Pending& pending = impl_->pending_for(input, /*failed=*/true);
  pending.text_bytes += failure.message.size();
  pending.chunk.failures.push_back({input.index, input.id, failure});
} catch (...) {
  rethrow_as_error(folder());
}

void Run::count(const std::string& what, std::uint64_t more) try {
  if (!impl_->pending) {
    throw Error(ErrorKind::invalid_argument,
                "count: \"" + what + "\" counts inputs added since the last commit; none are");
  }
  Chunk& shard = impl_->pending->chunk;
  if (more > 0) shard.counts.push_back({shard.end - 1, what, more});
} catch (...) {
  rethrow_as_error(folder());
}

void Run::commit_if_due() {
  if (!impl_->pending) return;
  const Pending& pending = *impl_->pending;
  const bool full = pending.chunk.end - pending.chunk.first >= impl_->options.commit_rows ||
                    pending.text_bytes >= kMostTextBytes;
  if (full || Clock::now() - pending.since >= impl_->options.commit_interval) commit();
}

void Run::commit() try {
  Impl& impl = *impl_;
  if (!impl.pending) return;
  impl.folder->check_lock();
  Pending& pending = *impl.pending;
  pending.chunk.rows =
      Embeddings(pending.chunk.ids.size(), impl.options.dim, std::move(pending.values));
  char name[32];
  std::snprintf(name, sizeof name, "chunk-%05zu.safetensors", impl.next_file++);
  ChunkRecord record =
      write_chunk(impl.folder->path(), name, pending.chunk, impl.options.precision);
  impl.journal->append(record);
  impl.done.push_back(std::move(record));
  impl.pending.reset();
} catch (...) {
  rethrow_as_error(folder());
}

RunEnd Run::Impl::end_now() { return {taken, listed, list.hex()}; }

RunSummary Run::finish() try {
  Impl& impl = *impl_;
  if (!impl.folder) {
    impl.finished_inputs->finish(impl.taken);
    return impl.report;
  }
  commit();
  impl.folder->check_lock();
  std::vector<ChunkRange> ranges = newest_chunks(impl.earlier, impl.done);
  check_no_gaps(impl.folder->path(), ranges, impl.taken);
  count_rows(impl.folder->path(), ranges);
  const RunEnd end = impl.end_now();
  RunSummary result = summary();
  if (impl.options.shards == 1) {
    const RunSummary so_far = result;
    const RunChunks chunks{impl.folder->path(), std::move(ranges)};
    result = write_final_files(impl.output, std::span(&chunks, 1), impl.options, end);
    result.resumed = so_far.resumed;
    result.redone = so_far.redone;
  }
  const bool same_end = impl.end && impl.done.empty() && impl.end->listed == end.listed &&
                        impl.end->list_sha256 == end.list_sha256;
  if (!same_end) impl.journal->append_finished(end);
  impl.complete = true;
  if (impl.options.shards == 1) impl.folder->remove();
  return result;
} catch (...) {
  rethrow_as_error(impl_->output);
}

bool Run::complete() const { return impl_->complete; }

RunSummary Run::summary() const {
  if (!impl_->folder) return impl_->report;
  RunSummary summary;
  {
    const std::scoped_lock lock(impl_->shared.mutex);
    summary = impl_->shared.earlier;
  }
  summary.resumed = summary.inputs;
  const auto add = [&](std::uint64_t inputs, std::uint64_t rows) {
    summary.inputs += inputs;
    summary.embedded += rows;
    summary.failed += inputs - rows;
  };
  for (const ChunkRecord& shard : impl_->done) add(shard.end - shard.first, shard.rows);
  if (impl_->pending) {
    const Chunk& shard = impl_->pending->chunk;
    add(shard.end - shard.first, shard.ids.size());
  }
  return summary;
}

std::string Run::warning() const {
  return impl_->folder ? impl_->folder->lock_warning() : std::string();
}

const fs::path& Run::folder() const {
  return impl_->folder ? impl_->folder->path() : impl_->output;
}

std::vector<std::pair<std::string, std::string>> recorded_provenance(
    const fs::path& output, const RunOptions& options) try {
  const fs::path target = target_of(output);
  const fs::path path = provenance_path(run_folder_path(target, options.shard, options.shards));
  RunOptions recorded;
  if (fs::exists(path)) {
    recorded = options_of(path, parse_provenance(path, read_text(path)));
  } else if (options.shards == 1 && fs::exists(target)) {
    recorded = options_of(run_report_path(target), read_run_report(target).provenance);
  }
  recorded.provenance.insert(recorded.provenance.end(), recorded.computing.begin(),
                             recorded.computing.end());
  return recorded.provenance;
} catch (...) {
  rethrow_as_error(output);
}

}  // namespace llm2clip
