#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <utility>

#include "base/errors_only.h"
#include "base/file_calls.h"
#include "base/sha256.h"
#include "llm2clip/error.h"
#include "llm2clip/run.h"
#include "store/run/chunk_file.h"
#include "store/run/chunk_ranges.h"
#include "store/run/final_files.h"
#include "store/run/journal.h"
#include "store/run/output_digest.h"
#include "store/run/run_folder.h"
#include "store/run/run_report.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse_shards(const fs::path& path, const std::string& why) {
  throw Error(ErrorKind::io, path.string() + ": " + why);
}

std::string shard_of(const RunOptions& options) {
  return std::to_string(options.shard) + "/" + std::to_string(options.shards);
}

struct OpenRun {
  RunFolder folder;
  RunOptions options;
  RunChunks chunks;
  RunEnd end;
};

// ---- Which folders

// "3-of-8" of a folder's name; nothing for a name that run_folder_path does not give.
std::optional<std::pair<unsigned, unsigned>> parse_shard_name(std::string_view text) {
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
  return std::pair(*shard, *shards);
}

// What stands beside the output under names of its shards, by how many there are in all.
std::map<unsigned, std::set<unsigned>> sets_beside(const fs::path& output) {
  constexpr std::string_view kEnd = ".run";
  const std::string start = output.filename().string() + ".shard-";
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

// The folders of the one set that stands beside the output; all of them, or those that are left.
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

// ---- What is in them

// The folders themselves: links are followed, and none is there twice.
std::vector<fs::path> resolved(const std::vector<fs::path>& folders) {
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

OpenRun open_finished_run(const fs::path& path) {
  // Before anything is written into a folder that may be somebody else's.
  if (!fs::exists(provenance_path(path))) {
    refuse_shards(
        path, "is not the folder of a run, or its first process wrote nothing; run its command");
  }
  OpenRun run{RunFolder(path), {}, {path, {}}, {}};
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

void check_same_list(const OpenRun& first, const OpenRun& run) {
  if (first.end.listed == run.end.listed && first.end.list_sha256 == run.end.list_sha256) return;
  const std::string other = first.folder.path().filename().string();
  const std::string how = first.end.listed == run.end.listed
                              ? "of the same length with other ids, other contents or another order"
                              : "of " + std::to_string(run.end.listed) + " inputs, and that of " +
                                    other + " has " + std::to_string(first.end.listed);
  refuse_shards(run.folder.path(), "was made of another list than " + other + ", " + how +
                                       "; resume both with the same list");
}

// Chunk k + 1 at k, all of one run.
void order_runs(std::vector<OpenRun>& runs) {
  std::sort(runs.begin(), runs.end(), [](const OpenRun& a, const OpenRun& b) {
    return std::pair(a.options.shard, a.folder.path()) <
           std::pair(b.options.shard, b.folder.path());
  });
  const OpenRun& first = runs.front();
  for (std::size_t k = 0; k < runs.size(); ++k) {
    const OpenRun& run = runs[k];
    RunOptions expected = first.options;
    expected.shard = run.options.shard;
    check_same_run(run.folder.path(), provenance_of(run.options), provenance_of(expected));
    if (k > 0 && run.options.shard == runs[k - 1].options.shard) {
      refuse_shards(run.folder.path(), "is shard " + shard_of(run.options) + ", as is " +
                                           runs[k - 1].folder.path().string() +
                                           "; give one of them");
    }
    if (run.options.shard != k + 1) break;
    check_same_list(first, run);
  }
  std::set<unsigned> there;
  for (const OpenRun& run : runs) there.insert(run.options.shard);
  if (there.size() == first.options.shards) return;
  refuse_shards(first.folder.path(), "is shard " + shard_of(first.options) + ", and shard " +
                                         std::to_string(first_missing(there)) +
                                         " is missing; run its command, or bring its folder here");
}

// ---- What an earlier process left

// Nothing is in it but the lock, which goes last.
bool is_bare(const fs::path& folder) {
  const std::vector<fs::path> entries = entries_of(folder);
  return std::all_of(entries.begin(), entries.end(), [](const fs::path& entry) {
    return entry.filename() == RunLock::kFile || entry.filename() == RunLock::kOwner;
  });
}

// Whether a folder is what is left of a shard whose rows the output that `report` tells of holds.
bool is_left_over(const RunFolder& folder, const RunReport& report) {
  if (is_bare(folder.path())) return true;
  const JournalContent journal = folder.read_journal();
  if (!journal.finished || journal.finished->list_sha256 != report.list_sha256) return false;
  const std::optional<RunProvenance> provenance = folder.read_provenance();
  if (!provenance) return true;  // the removal had got so far
  RunOptions options = options_of(provenance_path(folder.path()), *provenance);
  if (options.shards != report.joined) return false;
  options.shard = options.shards = 1;
  return differences(report.provenance, provenance_of(options)).empty();
}

// Finishes a merge that was stopped after it had written the output. Nothing: there was none.
std::optional<RunSummary> finish_merge(const fs::path& output,
                                       const std::vector<fs::path>& folders) {
  std::error_code error;
  if (!fs::exists(output, error) || !fs::exists(run_report_path(output), error))
    return std::nullopt;
  std::vector<RunFolder> left;
  try {
    const RunReport report = read_run_report(output);
    for (const fs::path& path : folders) {
      if (!fs::exists(journal_path(path)) && !is_bare(path)) return std::nullopt;
      left.emplace_back(path);
      if (!is_left_over(left.back(), report)) return std::nullopt;
    }
    if (digest_of_output(output) != OutputDigest{report.output_bytes, report.output_sha256}) {
      return std::nullopt;
    }
    for (RunFolder& folder : left) folder.remove();
    return report.summary;
  } catch (const Error& failure) {
    if (failure.kind() != ErrorKind::io) throw;
    return std::nullopt;  // the merge itself says what is wrong
  }
}

void remove_links(const std::vector<fs::path>& folders) {
  std::error_code ignored;
  for (const fs::path& folder : folders) {
    if (fs::is_symlink(folder, ignored)) fs::remove(folder, ignored);
  }
}

// Of the first that has one: they stand in one file system, most often.
std::string warning_of(const std::vector<OpenRun>& runs) {
  for (const OpenRun& run : runs) {
    if (std::string warning = run.folder.lock_warning(); !warning.empty()) return warning;
  }
  return {};
}

// As the first of the runs has it; a file, where there is none that could be read.
OutputLayout layout_of_runs(const fs::path& output, std::vector<fs::path> folders) {
  try {
    if (folders.empty()) folders = folders_beside(output);
    const fs::path path = provenance_path(folders.front());
    return options_of(path, parse_provenance(path, read_text(path))).layout;
  } catch (const Error&) {  // which is told when the runs are opened
    std::error_code error;
    return fs::is_directory(output, error) ? OutputLayout::clip_retrieval_images
                                           : OutputLayout::file;
  }
}

RunSummary join(const fs::path& target, const std::vector<fs::path>& folders) {
  std::vector<OpenRun> runs;
  for (const fs::path& folder : folders) runs.push_back(open_finished_run(folder));
  order_runs(runs);
  RunOptions options = runs[0].options;
  std::vector<RunChunks> chunks;
  for (const OpenRun& run : runs) {
    add_computing(options.computing, run.options.computing);
    chunks.push_back(run.chunks);
  }
  options.shard = options.shards = 1;
  RunSummary summary = write_final_files(target, chunks, options, runs[0].end);
  summary.warning = warning_of(runs);
  for (OpenRun& run : runs) run.folder.remove();
  return summary;
}

}  // namespace

RunSummary merge_runs(const fs::path& output, std::vector<fs::path> folders, bool overwrite) try {
  const fs::path target = run_target(output);
  check_run_output(target, layout_of_runs(target, folders));
  const bool there = fs::exists(target);
  const std::string exists = "exists; give another name, or overwrite it";
  if (folders.empty()) {
    if (there && !overwrite && sets_beside(target).empty()) refuse_shards(output, exists);
    folders = folders_beside(target);
  }
  const std::vector<fs::path> real = resolved(folders);
  std::optional<RunSummary> summary = finish_merge(target, real);
  if (!summary) {
    if (there && !overwrite) refuse_shards(output, exists);
    summary = join(target, real);
  }
  remove_links(folders);
  return *summary;
} catch (...) {
  rethrow_as_error(output);
}

}  // namespace llm2clip
