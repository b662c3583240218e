#include "llm2clip/run.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <utility>

#include "errors_only.h"
#include "llm2clip/error.h"
#include "store/embeddings_writer.h"
#include "store/file_calls.h"
#include "store/journal.h"
#include "store/run_folder.h"
#include "store/run_merge.h"
#include "store/sha256.h"
#include "store/shard_file.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

void check_options(const fs::path& output, const RunOptions& options) {
  if (options.shard >= 1 && options.shard <= options.shards) return;
  throw Error(ErrorKind::invalid_argument,
              output.string() + ": shard " + std::to_string(options.shard) + " of " +
                  std::to_string(options.shards) + " is none; the first is 1");
}

void refuse_existing(const fs::path& path, const std::string& what) {
  throw Error(ErrorKind::io, path.string() + ": " + what);
}

// What was added since the last commit.
struct Pending {
  Shard shard;
  std::vector<float> values;
  std::string digests;
  Clock::time_point since;
};

std::vector<ShardRecord> sound_shards(const RunFolder& folder, const JournalContent& journal) {
  std::vector<ShardRecord> sound;
  for (const ShardRecord& shard : journal.shards) {
    if (shard_is_sound(folder.path(), shard)) sound.push_back(shard);
  }
  std::sort(sound.begin(), sound.end(),
            [](const ShardRecord& a, const ShardRecord& b) { return a.first < b.first; });
  const auto overlap = std::adjacent_find(
      sound.begin(), sound.end(),
      [](const ShardRecord& a, const ShardRecord& b) { return a.end > b.first; });
  if (overlap != sound.end()) {
    throw Error(ErrorKind::io, folder.path().string() + ": two of its parts hold the same inputs; "
                                                        "start the run anew with --overwrite");
  }
  return sound;
}

void check_no_gaps(const fs::path& folder, const std::vector<ShardRecord>& shards,
                   std::uint64_t inputs) {
  std::uint64_t end = 0;
  for (const ShardRecord& shard : shards) {
    if (shard.first != end) break;
    end = shard.end;
  }
  if (end == inputs && (shards.empty() || shards.back().end == end)) return;
  throw Error(ErrorKind::io, folder.string() + ": its parts end at input " + std::to_string(end) +
                                 " of " + std::to_string(inputs) +
                                 "; the inputs are fewer than they were, or it is not finished");
}

}  // namespace

struct Run::Impl {
  fs::path output;
  RunOptions options;
  std::optional<RunFolder> folder;  // none: the output is complete
  std::optional<Journal> journal;
  std::vector<ShardRecord> earlier;  // of earlier processes, by first input
  std::vector<ShardRecord> done;     // of this process
  std::size_t next_file = 0;         // number in the name of the next part
  bool complete = false;
  RunSummary report;  // of a complete run

  // Of the thread that calls take().
  std::uint64_t taken = 0;
  std::size_t earlier_taken = 0;
  std::string earlier_digests;

  // Of the thread that adds.
  std::optional<Pending> pending;
  std::uint64_t least_next = 0;  // index of the next input, or more

  ~Impl();
  void start();
  void resume(const JournalContent& content);
  bool output_is_there();
  void check_order(const RunInput& input) const;
  Pending& pending_for(const RunInput& input);
  std::vector<ShardRecord> all_shards() const;
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
  check_options(output, options);
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
  refuse_existing(folder, "an unfinished run is there; go on with --resume, or start anew with "
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
  if (options.existing == Existing::overwrite) folder->clear();
  const RunSettings settings = settings_of(options);
  const std::optional<RunSettings> there = folder->read_settings();
  if (there) {
    check_same_run(folder->path(), *there, settings);
  } else {
    folder->clear();
    folder->write_settings(settings);
  }
  resume(folder->read_journal());
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
  const RunReport found = read_run_report(output);
  check_same_run(output, found.settings, settings_of(options));
  complete = true;
  report = found.summary;
  report.resumed = report.inputs;
  return true;
}

void Run::Impl::resume(const JournalContent& content) {
  earlier = sound_shards(*folder, content);
  // Damaged parts are made anew under new names.
  next_file = content.shards.size();
  folder->remove_strays(earlier);
  journal.emplace(folder->journal_path(), content.good_bytes);
  complete = content.finished && earlier.size() == content.shards.size();
}

std::optional<RunInput> Run::take(std::string_view id, std::string_view content) try {
  Impl& impl = *impl_;
  const std::uint64_t index = impl.taken++;
  std::string bytes(id);
  bytes += '\0';
  bytes += content;
  RunInput input{index, std::string(id), sha256_of(bytes)};

  if (impl.earlier_taken == impl.earlier.size()) return input;
  const ShardRecord& shard = impl.earlier[impl.earlier_taken];
  if (index < shard.first) return input;
  impl.earlier_digests += input.digest;
  if (index + 1 < shard.end) return std::nullopt;
  if (sha256_of(impl.earlier_digests) != shard.inputs_sha256) {
    throw Error(ErrorKind::io,
                impl.folder->path().string() + ": inputs " + std::to_string(shard.first) + " to " +
                    std::to_string(shard.end - 1) +
                    " are not what they were; put them back, or start anew with --overwrite");
  }
  impl.earlier_digests.clear();
  ++impl.earlier_taken;
  return std::nullopt;
} catch (...) {
  rethrow_as_error(folder());
}

void Run::Impl::check_order(const RunInput& input) const {
  if (input.index >= least_next) return;
  throw Error(ErrorKind::invalid_argument,
              "input " + std::to_string(input.index) +
                  ": it or a later one was added before; inputs come in the order of take()");
}

Pending& Run::Impl::pending_for(const RunInput& input) {
  least_next = input.index + 1;
  if (!pending) {
    pending.emplace();
    pending->shard.first = input.index;
    pending->since = Clock::now();
  }
  pending->shard.end = input.index + 1;
  pending->digests += input.digest;
  return *pending;
}

void Run::add(const RunInput& input, std::span<const float> row) try {
  if (row.size() != impl_->options.dim) {
    throw Error(ErrorKind::invalid_argument, "row: " + std::to_string(row.size()) +
                                                 " values, the run's rows have " +
                                                 std::to_string(impl_->options.dim));
  }
  impl_->check_order(input);
  if (impl_->pending && impl_->pending->shard.end != input.index) commit();  // over what is done
  Pending& pending = impl_->pending_for(input);
  pending.shard.ids.push_back(input.id);
  pending.values.insert(pending.values.end(), row.begin(), row.end());
} catch (...) {
  rethrow_as_error(folder());
}

void Run::fail(const RunInput& input, const RunFailure& failure) try {
  impl_->check_order(input);
  if (impl_->pending && impl_->pending->shard.end != input.index) commit();
  impl_->pending_for(input).shard.failures.push_back({input.index, input.id, failure});
} catch (...) {
  rethrow_as_error(folder());
}

void Run::count(const std::string& what, std::uint64_t more) try {
  if (!impl_->pending) {
    throw Error(ErrorKind::invalid_argument,
                "count: \"" + what + "\" counts inputs added since the last commit; none are");
  }
  impl_->pending->shard.counts[what] += more;
} catch (...) {
  rethrow_as_error(folder());
}

void Run::commit_if_due() {
  if (!impl_->pending) return;
  const Pending& pending = *impl_->pending;
  const bool full = pending.shard.end - pending.shard.first >= impl_->options.commit_rows;
  if (full || Clock::now() - pending.since >= impl_->options.commit_interval) commit();
}

void Run::commit() try {
  Impl& impl = *impl_;
  if (!impl.pending) return;
  impl.folder->check_lock();
  Pending& pending = *impl.pending;
  pending.shard.rows = Embeddings(pending.shard.ids.size(), impl.options.dim);
  for (std::size_t i = 0; i < pending.shard.rows.rows(); ++i) {
    std::copy_n(pending.values.begin() + static_cast<std::ptrdiff_t>(i * impl.options.dim),
                impl.options.dim, pending.shard.rows[i].begin());
  }
  char name[32];
  std::snprintf(name, sizeof name, "part-%05zu.safetensors", impl.next_file++);
  ShardRecord record =
      write_shard(impl.folder->path(), name, pending.shard, impl.options.precision);
  record.inputs_sha256 = sha256_of(pending.digests);
  impl.journal->append(record);
  impl.done.push_back(std::move(record));
  impl.pending.reset();
} catch (...) {
  rethrow_as_error(folder());
}

std::vector<ShardRecord> Run::Impl::all_shards() const {
  std::vector<ShardRecord> all;
  std::merge(earlier.begin(), earlier.end(), done.begin(), done.end(), std::back_inserter(all),
             [](const ShardRecord& a, const ShardRecord& b) { return a.first < b.first; });
  return all;
}

RunSummary Run::finish() try {
  Impl& impl = *impl_;
  if (!impl.folder) return impl.report;
  commit();
  impl.folder->check_lock();
  const std::vector<ShardRecord> shards = impl.all_shards();
  check_no_gaps(impl.folder->path(), shards, impl.taken);
  RunSummary result = summary();
  if (impl.options.shards == 1) {
    const std::uint64_t resumed = result.resumed;
    const RunParts parts{impl.folder->path(), shards};
    result = write_final_files(impl.output, std::span(&parts, 1), impl.options);
    result.resumed = resumed;
  }
  if (!impl.complete) impl.journal->append_finished();
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
  const auto add = [&](std::uint64_t inputs, std::uint64_t rows) {
    summary.inputs += inputs;
    summary.embedded += rows;
    summary.failed += inputs - rows;
  };
  for (const ShardRecord& shard : impl_->earlier) add(shard.end - shard.first, shard.rows);
  summary.resumed = summary.inputs;
  for (const ShardRecord& shard : impl_->done) add(shard.end - shard.first, shard.rows);
  if (impl_->pending) {
    const Shard& shard = impl_->pending->shard;
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

// ---- Joining shards

namespace {

struct OpenRun {
  RunFolder folder;
  RunOptions options;
  RunParts parts;
};

OpenRun open_finished_run(const fs::path& path) {
  if (!fs::is_directory(path)) refuse_existing(path, "no such run; the shard is missing");
  OpenRun run{RunFolder(path), {}, {path, {}}};
  const std::optional<RunSettings> settings = run.folder.read_settings();
  const JournalContent journal = run.folder.read_journal();
  if (!settings || !journal.finished) {
    refuse_existing(path, "is not finished; go on with its command and --resume");
  }
  run.options = options_of(*settings);
  run.parts.shards = sound_shards(run.folder, journal);
  if (run.parts.shards.size() != journal.shards.size()) {
    refuse_existing(path, "a part of it is damaged; make it anew with its command and --resume");
  }
  check_no_gaps(path, run.parts.shards,
                run.parts.shards.empty() ? 0 : run.parts.shards.back().end);
  return run;
}

// `<output>.shard-1-of-8.run` tells how many there are.
std::vector<fs::path> folders_beside(const fs::path& output) {
  const std::string start = output.filename().string() + ".shard-1-of-";
  const fs::path folder = output.has_parent_path() ? output.parent_path() : fs::path(".");
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(start) || !name.ends_with(".run")) continue;
    const std::string digits = name.substr(start.size(), name.size() - start.size() - 4);
    if (digits.empty() || digits.size() > 6 ||
        digits.find_first_not_of("0123456789") != std::string::npos) {
      continue;
    }
    std::vector<fs::path> folders;
    const auto shards = static_cast<unsigned>(std::stoul(digits));
    for (unsigned shard = 1; shard <= shards; ++shard) {
      folders.push_back(run_folder_path(output, shard, shards));
    }
    return folders;
  }
  throw Error(ErrorKind::io, output.string() + ": no runs of shards stand beside it (" + start +
                                 "N.run); name their folders");
}

}  // namespace

RunSummary merge_runs(const fs::path& output, std::vector<fs::path> folders, bool overwrite) try {
  const fs::path target = target_of(output);
  check_embeddings_path(target);
  if (!overwrite && fs::exists(target)) {
    refuse_existing(output, "exists; give another name, or replace it with --overwrite");
  }
  if (folders.empty()) folders = folders_beside(target);
  std::vector<OpenRun> runs;
  for (const fs::path& folder : folders) runs.push_back(open_finished_run(folder));
  std::sort(runs.begin(), runs.end(),
            [](const OpenRun& a, const OpenRun& b) { return a.options.shard < b.options.shard; });

  RunOptions options = runs[0].options;
  std::vector<RunParts> parts;
  for (std::size_t k = 0; k < runs.size(); ++k) {
    RunOptions expected = options;
    expected.shard = static_cast<unsigned>(k + 1);
    expected.shards = static_cast<unsigned>(runs.size());
    check_same_run(runs[k].folder.path(), settings_of(runs[k].options), settings_of(expected));
    parts.push_back(runs[k].parts);
  }
  options.shard = options.shards = 1;
  const RunSummary summary = write_final_files(target, parts, options);
  for (OpenRun& run : runs) run.folder.remove();
  return summary;
} catch (...) {
  rethrow_as_error(output);
}

}  // namespace llm2clip
