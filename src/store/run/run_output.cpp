// What stands at the output of a run before there is one.

#include "base/errors_only.h"
#include "base/file_calls.h"
#include "llm2clip/detail/command_line.h"
#include "llm2clip/error.h"
#include "llm2clip/run.h"
#include "store/clip_retrieval.h"
#include "store/embeddings_writer.h"
#include "store/output_path.h"
#include "store/parquet/parquet_file.h"
#include "store/run/final_files.h"
#include "store/run/run_folder.h"
#include "store/run/run_report.h"

namespace llm2clip {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void refuse_existing(const fs::path& path, const std::string& what) {
  throw Error(ErrorKind::io, path.string() + ": " + what);
}

}  // namespace

fs::path run_target(const fs::path& output) {
  return target_of(output.has_filename() ? output : output.parent_path());
}

void check_run_output(const fs::path& target, OutputLayout layout) {
  if (layout == OutputLayout::file) return check_embeddings_path(target);
  check_parquet();
  check_clip_retrieval(target);
  detail::check_output_path(run_report_path(target));
}

RunFiles Run::files(const fs::path& output, unsigned shard, unsigned shards) try {
  const fs::path target = run_target(output);
  RunFiles files{side_files(target), run_folder_path(target, shard, shards)};
  files.beside.push_back(run_report_path(target));
  files.beside.push_back(errors_path(target));
  return files;
} catch (...) {
  rethrow_as_error(output);
}

void Run::check(const fs::path& output, const RunOptions& options) try {
  check_provenance(output, options);
  const fs::path target = run_target(output);
  check_run_output(target, options.layout);
  if (options.existing != Existing::refuse) return;
  if (options.shards == 1 && fs::exists(target)) {
    refuse_existing(output, kOutputExists);
  }
  const fs::path folder = run_folder_path(target, options.shard, options.shards);
  if (!fs::exists(folder)) return;
  const RunFolder locked(folder);  // throws when a process is at work
  if (!fs::exists(journal_path(locked.path()))) return;
  refuse_existing(folder, "an unfinished run is there; resume or overwrite it");
} catch (...) {
  rethrow_as_error(output);
}

std::vector<std::pair<std::string, std::string>> Run::recorded(const fs::path& output,
                                                               const RunOptions& options) try {
  const fs::path target = run_target(output);
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
