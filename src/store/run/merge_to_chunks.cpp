#include <array>
#include <cstdio>
#include <map>

#include "base/errors_only.h"
#include "base/file_calls.h"
#include "llm2clip/error.h"
#include "llm2clip/run.h"
#include "store/run/final_files.h"
#include "store/run/output_digest.h"
#include "store/run/run_report.h"
#include "store/run/shard_folders.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;

// "rows-00002-of-00008.npy" of "rows.npy", as --shard-by archive names its outputs.
fs::path numbered_path(const fs::path& output, const ShardNumber& shard) {
  std::array<char, 32> place{};
  std::snprintf(place.data(), place.size(), "-%05u-of-%05u", shard.first, shard.second);
  fs::path path = output;
  return path.replace_filename(output.stem().string() + place.data() + output.extension().string());
}

void add(RunSummary& sum, const RunSummary& more) {
  sum.inputs += more.inputs;
  sum.embedded += more.embedded;
  sum.failed += more.failed;
  for (const auto& [code, count] : more.failed_by_code) sum.failed_by_code[code] += count;
  for (const auto& [what, count] : more.counts) sum.counts[what] += count;
}

// What the report of a file says; nothing: the file is not there, or is not what it tells of.
std::optional<RunReport> sound_report(const fs::path& file) try {
  if (!fs::exists(file)) return std::nullopt;
  RunReport report = read_run_report(file);
  const OutputDigest written = {report.output_bytes, report.output_sha256};
  return digest_of_output(file) == written ? std::optional(report) : std::nullopt;
} catch (const Error& error) {
  if (error.kind() != ErrorKind::io) throw;
  return std::nullopt;
}

// Each shard's rows in a file of their own. The folder of a shard goes when its file is written, so
// that a process that was stopped leaves some shards as files and the others as folders; the next
// one writes what is left.
class MergeToChunks {
 public:
  MergeToChunks(fs::path output, bool overwrite)
      : output_(std::move(output)), overwrite_(overwrite) {}

  void add_folder(const fs::path& path) {
    const ShardNumber shard = shard_of_folder(path);
    if (shards_ == 0) shards_ = shard.second;
    if (may_be_left_over(path)) {
      RunFolder folder(path);
      std::optional<RunReport> report = sound_report(numbered_path(output_, shard));
      if (report && is_left_over(folder, *report, LeftBy::chunk)) {
        done_.emplace(shard.first, *std::move(report));
        left_over_.push_back(std::move(folder));
        return;
      }
    }
    runs_.push_back(open_finished_run(path));
  }

  RunSummary write() {
    find_done();
    check();
    RunSummary sum;
    for (RunFolder& folder : left_over_) folder.remove();
    for (const auto& [shard, report] : done_) add(sum, report.summary);
    for (FinishedRun& run : runs_) {
      const RunChunks& chunks = run.chunks;
      add(sum, write_final_files(path_of(run.options.shard), {&chunks, 1}, run.options, run.end));
      run.folder.remove();
    }
    for (unsigned shard = 1; shard <= shards_; ++shard) sum.files.push_back(path_of(shard));
    sum.warning = warning_of(runs_);
    return sum;
  }

 private:
  fs::path path_of(unsigned shard) const { return numbered_path(output_, {shard, shards_}); }

  // The shards without a folder, whose files an earlier process has written.
  void find_done() {
    std::set<unsigned> folders;
    for (const FinishedRun& run : runs_) folders.insert(run.options.shard);
    for (unsigned shard = 1; shard <= shards_; ++shard) {
      if (folders.contains(shard) || done_.contains(shard)) continue;
      std::optional<RunReport> report = sound_report(path_of(shard));
      if (!report) {
        refuse_shards(path_of(shard),
                      "is not there, nor is the folder of shard " + std::to_string(shard) + "/" +
                          std::to_string(shards_) +
                          "; the shard is missing: run its command, or bring its folder here");
      }
      done_.emplace(shard, *std::move(report));
    }
  }

  // Before anything is written.
  void check() {
    std::set<unsigned> done;
    for (const auto& [shard, report] : done_) done.insert(shard);
    if (runs_.empty()) return;
    order_runs(runs_, done);
    const FinishedRun& first = runs_.front();
    for (const auto& [shard, report] : done_) {
      RunOptions expected = first.options;
      expected.shard = shard;
      check_same_run(path_of(shard), report.provenance, provenance_of(expected));
      if (report.list_sha256 == first.end.list_sha256) continue;
      refuse_shards(path_of(shard), "was made of another list than " +
                                        first.folder.path().string() +
                                        "; move it away, and run the command of its shard");
    }
    for (const FinishedRun& run : runs_) {
      const fs::path path = path_of(run.options.shard);
      check_run_output(path, run.options.layout);
      if (fs::exists(path) && !overwrite_) {
        refuse_shards(path, kOutputExists);
      }
    }
  }

  fs::path output_;
  bool overwrite_;
  unsigned shards_ = 0;
  std::vector<FinishedRun> runs_;
  std::map<unsigned, RunReport> done_;
  std::vector<RunFolder> left_over_;
};

}  // namespace

RunSummary merge_runs_to_chunks(const fs::path& output, std::vector<fs::path> folders,
                                bool overwrite) try {
  const fs::path target = run_target(output);
  if (folders.empty()) folders = folders_beside(target);
  MergeToChunks merge(target, overwrite);
  for (const fs::path& folder : resolved_folders(folders)) merge.add_folder(folder);
  RunSummary summary = merge.write();
  remove_links(folders);
  return summary;
} catch (...) {
  rethrow_as_error(output);
}

}  // namespace llm2clip
