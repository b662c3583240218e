#include "llm2clip/run_state.h"

#include <algorithm>
#include <cerrno>
#include <tuple>

#include "base/errors_only.h"
#include "base/file_calls.h"
#include "llm2clip/error.h"
#include "store/run/chunk_ranges.h"
#include "store/run/journal.h"
#include "store/run/run_folder.h"
#include "store/run/run_report.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::system_clock;

constexpr std::string_view kFolderEnd = ".run";
constexpr std::string_view kReportEnd = ".run.json";
constexpr std::size_t kRateCommits = 8;  // as many as tell of now, and not of the day

Clock::time_point changed(const fs::path& path) {
  std::error_code error;
  const fs::file_time_type time = fs::last_write_time(path, error);
  errno = error.value();
  if (error) fail_io(path, "its time cannot be read");
  return std::chrono::file_clock::to_sys(time);
}

// Of the last commits: what they hold, by when each was written.
double rate(const fs::path& folder, const std::vector<ChunkRecord>& chunks) {
  const std::size_t first = chunks.size() - std::min(chunks.size(), kRateCommits);
  if (chunks.size() < first + 2) return 0;
  std::uint64_t inputs = 0;
  for (std::size_t k = first + 1; k < chunks.size(); ++k) inputs += chunks[k].end - chunks[k].first;
  const std::chrono::duration<double> seconds =
      changed(folder / chunks.back().file) - changed(folder / chunks[first].file);
  return seconds.count() > 0 ? static_cast<double>(inputs) / seconds.count() : 0;
}

std::string without_end(const std::string& name, std::string_view end) {
  return name.substr(0, name.size() - end.size());
}

void read_folder(const fs::path& folder, RunState& state) {
  const fs::path path = provenance_path(folder);
  const RunOptions options = options_of(path, parse_provenance(path, read_text(path)));
  state.shard = options.shard;
  state.shards = options.shards;
  if (state.shards > 1) {
    const std::string name = state.output.filename().string();
    state.output.replace_filename(name.substr(0, name.rfind(".shard-")));
  }
  state.changed = changed(path);
  const fs::path journal_file = journal_path(folder);
  if (!fs::exists(journal_file)) return;
  const JournalContent journal = parse_journal(read_text(journal_file));
  std::vector<ChunkRange> ranges = newest_chunks(journal.chunks);
  count_rows(folder, ranges);
  for (const ChunkRange& range : ranges) {
    state.inputs += range.end - range.first;
    state.embedded += range.rows;
  }
  state.failed = state.inputs - state.embedded;
  state.finished = journal.finished.has_value();
  state.changed = changed(journal_file);
  state.inputs_per_second = rate(folder, journal.chunks);
}

void read_output(RunState& state) {
  const RunSummary summary = read_run_report(state.output).summary;
  state.finished = true;
  state.inputs = summary.inputs;
  state.embedded = summary.embedded;
  state.failed = summary.failed;
  state.changed = changed(state.output);
}

// Nothing: no run left it.
std::optional<RunState> state_of(const fs::path& path) {
  const std::string name = path.filename().string();
  const bool folder = name.ends_with(kFolderEnd) && fs::exists(provenance_path(path));
  if (!folder && !name.ends_with(kReportEnd)) return std::nullopt;
  RunState state;
  state.output = path.parent_path() / without_end(name, folder ? kFolderEnd : kReportEnd);
  if (!folder && !fs::exists(state.output)) return std::nullopt;
  try {
    folder ? read_folder(path, state) : read_output(state);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::io) throw;
    state = {.output = state.output, .damage = error.what()};
  }
  return state;
}

}  // namespace

std::vector<RunState> run_states(const fs::path& folder) try {
  std::vector<RunState> states;
  for (const fs::path& path : entries_of(folder)) {
    if (std::optional<RunState> state = state_of(path)) states.push_back(*state);
  }
  std::sort(states.begin(), states.end(), [](const RunState& a, const RunState& b) {
    return std::tie(a.output, a.shards, a.shard) < std::tie(b.output, b.shards, b.shard);
  });
  return states;
} catch (...) {
  rethrow_as_error(folder);
}

}  // namespace llm2clip
