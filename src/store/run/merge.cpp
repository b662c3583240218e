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
      if (!may_be_left_over(path)) return std::nullopt;
      left.emplace_back(path);
      if (!is_left_over(left.back(), report, LeftBy::joined)) return std::nullopt;
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
  std::vector<FinishedRun> runs;
  for (const fs::path& folder : folders) runs.push_back(open_finished_run(folder));
  order_runs(runs);
  RunOptions options = runs[0].options;
  std::vector<RunChunks> chunks;
  for (const FinishedRun& run : runs) {
    add_computing(options.computing, run.options.computing);
    chunks.push_back(run.chunks);
  }
  options.shard = options.shards = 1;
  RunSummary summary = write_final_files(target, chunks, options, runs[0].end);
  summary.warning = warning_of(runs);
  for (FinishedRun& run : runs) run.folder.remove();
  return summary;
}

}  // namespace

RunSummary merge_runs(const fs::path& output, std::vector<fs::path> folders, bool overwrite) try {
  const fs::path target = run_target(output);
  check_run_output(target, layout_of_runs(target, folders));
  const bool there = fs::exists(target);
  if (folders.empty()) {
    if (there && !overwrite && !shards_are_beside(target)) refuse_shards(output, kOutputExists);
    folders = folders_beside(target);
  }
  const std::vector<fs::path> real = resolved_folders(folders);
  std::optional<RunSummary> summary = finish_merge(target, real);
  if (!summary) {
    if (there && !overwrite) refuse_shards(output, kOutputExists);
    summary = join(target, real);
  }
  remove_links(folders);
  return *summary;
} catch (...) {
  rethrow_as_error(output);
}

}  // namespace llm2clip
