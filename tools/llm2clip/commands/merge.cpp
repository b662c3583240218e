#include <filesystem>

#include "commands/commands.h"
#include "commands/job.h"
#include "inputs/file_uses.h"
#include "llm2clip/run.h"
#include "terminal/exit_code.h"

namespace llm2clip::cli {

int run_merge(const MergeFlags& flags, Messages& messages) {
  FileUses uses;
  uses.writes("OUTPUT", flags.output);
  for (const std::filesystem::path& path : Run::files(flags.output).beside) {
    uses.writes("OUTPUT", path);
  }
  for (const std::string& folder : flags.folders) uses.reads_folder("the folder", folder);
  const auto merge = flags.chunks ? merge_runs_to_chunks : merge_runs;
  const RunSummary summary =
      merge(flags.output, {flags.folders.begin(), flags.folders.end()}, flags.overwrite);
  if (!summary.warning.empty()) messages.warning(summary.warning);
  const std::string written = summary.files.empty() ? flags.output
                                                    : summary.files.front().string() + " to " +
                                                          summary.files.back().string();
  messages.note(summary_line(summary, 0) + "; written to " + written);
  return summary.failed == 0 ? kDone : kSomeSkipped;
}

}  // namespace llm2clip::cli
