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
  for (const std::filesystem::path& path : run_files(flags.output).beside) {
    uses.writes("OUTPUT", path);
  }
  for (const std::string& folder : flags.folders) uses.reads_folder("the folder", folder);
  const RunSummary summary =
      merge_runs(flags.output, {flags.folders.begin(), flags.folders.end()}, flags.overwrite);
  if (!summary.warning.empty()) messages.warning(summary.warning);
  messages.note(summary_line(summary, 0) + "; written to " + flags.output);
  return summary.failed == 0 ? kDone : kSomeSkipped;
}

}  // namespace llm2clip::cli
