#include "commands.h"
#include "exit_code.h"
#include "jobs/report.h"
#include "llm2clip/run.h"

namespace llm2clip::cli {

int run_merge(const MergeFlags& flags, Messages& messages) {
  const RunSummary summary = merge_runs(
      flags.output, {flags.folders.begin(), flags.folders.end()}, flags.overwrite);
  messages.note(summary_line(summary, 0) + "; written to " + flags.output);
  return summary.failed == 0 ? kDone : kSomeSkipped;
}

}  // namespace llm2clip::cli
