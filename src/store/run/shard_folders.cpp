#include "store/run/shard_folders.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "base/file_calls.h"
#include "llm2clip/error.h"
#include "llm2clip/run.h"
#include "store/run/chunk_file.h"
#include "store/run/chunk_ranges.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnd = ".run";
constexpr std::string_view kShard = ".shard-";

[[noreturn]] void refuse_folder(const fs::path& path) {
  refuse_shards(path,
                "is not the folder of a run, or its first process wrote nothing; run its command");
}

std::string shard_of(const RunOptions& options) {
  return std::to_string(options.shard) + "/" + std::to_string(options.shards);
}

// "3-of-8" of a folder's name; nothing for a name that run_folder_path does not give.
std::optional<ShardNumber> parse_shard_name(std::string_view text) {
  const auto number = [&text]() -> std::optional<unsigned> {
    unsigned value = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || text.starts_with('0')) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
    return value;
  };
  const auto shard = number();
  if (!shard || !text.starts_with("-of-")) return std::nullopt;
  text.remove_prefix(4);
  const auto shards = number();
  if (!shards || !text.empty() || *shard > *shards || *shards < 2) return std::nullopt;
  return ShardNumber(*shard, *shards);
}

// What stands beside the output under names of its shards, by how many there are in all.
std::map<unsigned, std::set<unsigned>> sets_beside(const fs::path& output) {
  const std::string start = output.filename().string() + std::string(kShard);
  const fs::path folder = output.has_parent_path() ? output.parent_path() : fs::path(".");
  std::map<unsigned, std::set<unsigned>> sets;
  std::set<fs::path> strange;
  for (const fs::path& path : entries_of(folder)) {
    const std::string name = path.filename().string();
    if (!name.starts_with(start) || !name.ends_with(kEnd)) continue;
    const auto shard = name.size() < start.size() + kEnd.size()
                           ? std::nullopt
                           : parse_shard_name(std::string_view(name).substr(
                                 start.size(), name.size() - start.size() - kEnd.size()));
    if (shard) {
      sets[shard->second].insert(shard->first);
    } else {
      strange.insert(path);
    }
  }
  if (strange.empty()) return sets;
  refuse_shards(*strange.begin(), "is no name of a shard, which is " + start +
                                      "I-of-N.run; move it away, or name the folders to be joined");
}

unsigned first_missing(const std::set<unsigned>& there) {
  unsigned shard = 1;
  while (there.contains(shard)) ++shard;
  return shard;
}

std::string words_for(unsigned shards, const std::set<unsigned>& there) {
  return std::to_string(there.size()) + " of " + std::to_string(shards);
}

std::vector<fs::path> folders_of(const fs::path& output, unsigned shards,
                                 const std::set<unsigned>& there) {
  std::vector<fs::path> folders;
  for (const unsigned shard : there) folders.push_back(run_folder_path(output, shard, shards));
  return folders;
}

void check_same_list(const FinishedRun& first, const FinishedRun& run) {
  if (first.end.listed == run.end.listed && first.end.list_sha256 == run.end.list_sha256) return;
  const std::string other = first.folder.path().filename().string();
  const std::string how = first.end.listed == run.end.listed
                              ? "of the same length with other ids, other contents or another order"
                              : "of " + std::to_string(run.end.listed) + " inputs, and that of " +
                                    other + " has " + std::to_string(first.end.listed);
  refuse_shards(run.folder.path(), "was made of another list than " + other + ", " + how +
                                       "; resume both with the same list");
}

// Nothing is in it but the lock, which goes last.
bool is_bare(const fs::path& folder) {
  const std::vector<fs::path> entries = entries_of(folder);
  return std::all_of(entries.begin(), entries.end(), [](const fs::path& entry) {
    return entry.filename() == RunLock::kFile || entry.filename() == RunLock::kOwner;
  });
}

}  // namespace

void refuse_shards(const fs::path& path, const std::string& why) {
  throw Error(ErrorKind::io, path.string() + ": " + why);
}

// ---- Which folders

bool shards_are_beside(const fs::path& output) { return !sets_beside(output).empty(); }

std::vector<fs::path> folders_beside(const fs::path& output) {
  const auto sets = sets_beside(output);
  if (sets.empty()) {
    refuse_shards(output, "no runs of shards stand beside it (" + output.filename().string() +
                              ".shard-I-of-N.run); name their folders");
  }
  if (sets.size() > 1) {
    std::string words;
    for (const auto& [shards, there] : sets) {
      words += (words.empty() ? "" : " and ") + words_for(shards, there);
    }
    refuse_shards(output, "shards of several sets stand beside it, " + words +
                              "; name the folders to be joined, or move the others away");
  }
  return folders_of(output, sets.begin()->first, sets.begin()->second);
}

std::vector<fs::path> resolved_folders(const std::vector<fs::path>& folders) {
  std::vector<fs::path> found;
  for (const fs::path& folder : folders) {
    std::error_code error;
    const fs::path real = fs::canonical(folder, error);
    if (error || !fs::is_directory(real, error)) {
      refuse_shards(folder, "no such run; the shard is missing");
    }
    if (std::find(found.begin(), found.end(), real) != found.end()) {
      refuse_shards(folder, "is the folder of another shard, too; name each once");
    }
    found.push_back(real);
  }
  return found;
}

FinishedRun open_finished_run(const fs::path& path) {
  // Before anything is written into a folder that may be somebody else's.
  if (!fs::exists(provenance_path(path))) refuse_folder(path);
  FinishedRun run{RunFolder(path), {}, {path, {}}, {}};
  const std::optional<RunProvenance> provenance = run.folder.read_provenance();
  if (!provenance) refuse_shards(path, "is not the folder of a run");
  run.options = options_of(provenance_path(path), *provenance);
  const JournalContent journal = run.folder.read_journal();
  const std::string again = "; resume shard " + shard_of(run.options);
  if (!journal.finished) refuse_shards(path, "is not finished" + again);
  run.end = *journal.finished;
  run.chunks.ranges = newest_chunks(journal.chunks);
  for (const ChunkRange& range : run.chunks.ranges) {
    if (!chunk_is_there(path, range.chunk)) {
      refuse_shards(path / range.chunk.file,
                    "is damaged or missing" + again + ", which makes it anew");
    }
  }
  count_rows(path, run.chunks.ranges);
  const std::uint64_t held = run.chunks.ranges.empty() ? 0 : run.chunks.ranges.back().end;
  if (held != run.end.inputs || end_without_gap(run.chunks.ranges) != held) {
    refuse_shards(path, "its chunks are not all there" + again);
  }
  return run;
}

void order_runs(std::vector<FinishedRun>& runs, const std::set<unsigned>& done) {
  std::sort(runs.begin(), runs.end(), [](const FinishedRun& a, const FinishedRun& b) {
    return std::pair(a.options.shard, a.folder.path()) <
           std::pair(b.options.shard, b.folder.path());
  });
  const FinishedRun& first = runs.front();
  for (std::size_t k = 0; k < runs.size(); ++k) {
    const FinishedRun& run = runs[k];
    RunOptions expected = first.options;
    expected.shard = run.options.shard;
    check_same_run(run.folder.path(), provenance_of(run.options), provenance_of(expected));
    if (k > 0 && run.options.shard == runs[k - 1].options.shard) {
      refuse_shards(run.folder.path(), "is shard " + shard_of(run.options) + ", as is " +
                                           runs[k - 1].folder.path().string() +
                                           "; give one of them");
    }
    if (done.empty() && run.options.shard != k + 1) break;  // told below
    check_same_list(first, run);
  }
  std::set<unsigned> there = done;
  for (const FinishedRun& run : runs) there.insert(run.options.shard);
  if (there.size() == first.options.shards) return;
  refuse_shards(first.folder.path(), "is shard " + shard_of(first.options) + ", and shard " +
                                         std::to_string(first_missing(there)) +
                                         " is missing; run its command, or bring its folder here");
}

ShardNumber shard_of_folder(const fs::path& folder) {
  const fs::path path = provenance_path(folder);
  if (fs::exists(path)) {
    const RunOptions options = options_of(path, parse_provenance(path, read_text(path)));
    return {options.shard, options.shards};
  }
  std::string name = folder.filename().string();
  const std::size_t at = name.rfind(kShard);
  if (at != std::string::npos && name.ends_with(kEnd)) {
    name = name.substr(at + kShard.size(), name.size() - kEnd.size() - at - kShard.size());
    if (const auto shard = parse_shard_name(name)) return *shard;
  }
  refuse_folder(folder);
}

// ---- What an earlier process left

bool may_be_left_over(const fs::path& folder) {
  return fs::exists(journal_path(folder)) || is_bare(folder);
}

bool is_left_over(const RunFolder& folder, const RunReport& report, LeftBy output) {
  if (is_bare(folder.path())) return true;
  const JournalContent journal = folder.read_journal();
  if (!journal.finished || journal.finished->list_sha256 != report.list_sha256) return false;
  const std::optional<RunProvenance> provenance = folder.read_provenance();
  if (!provenance) return true;  // the removal had got so far
  RunOptions options = options_of(provenance_path(folder.path()), *provenance);
  if (output == LeftBy::joined) {
    if (options.shards != report.joined) return false;
    options.shard = options.shards = 1;
  }
  return differences(report.provenance, provenance_of(options)).empty();
}

void remove_links(const std::vector<fs::path>& folders) {
  std::error_code ignored;
  for (const fs::path& folder : folders) {
    if (fs::is_symlink(folder, ignored)) fs::remove(folder, ignored);
  }
}

std::string warning_of(const std::vector<FinishedRun>& runs) {
  for (const FinishedRun& run : runs) {
    if (std::string warning = run.folder.lock_warning(); !warning.empty()) return warning;
  }
  return {};
}

}  // namespace llm2clip
