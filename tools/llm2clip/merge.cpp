#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "commands.h"
#include "exit_code.h"
#include "jobs/report.h"
#include "llm2clip/run.h"

namespace llm2clip::cli {
namespace {

struct Flags {
  std::string output;
  std::vector<std::string> folders;
  bool overwrite = false;
};

int run(const Flags& flags, Messages& messages) {
  const RunSummary summary = merge_runs(
      flags.output, {flags.folders.begin(), flags.folders.end()}, flags.overwrite);
  messages.note(summary_line(summary, 0) + "; written to " + flags.output);
  return summary.failed == 0 ? kDone : kSomeSkipped;
}

}  // namespace

Command add_merge(CLI::App& program) {
  CLI::App* app = program.add_subcommand("merge", "Join the outputs of --shard into one file");
  auto flags = std::make_shared<Flags>();
  app->add_option("output", flags->output, "The -o of the shards")->type_name("FILE")->required();
  app->add_option("folders", flags->folders,
                  "Their folders; default: FILE.shard-I-of-N.run beside it")
      ->type_name("DIR");
  add_overwrite_flag(*app, flags->overwrite);
  app->footer(
      "Examples:\n"
      "  llm2clip embed-image -m models/demo -r photos -o all.npy --shard 1/2\n"
      "  llm2clip embed-image -m models/demo -r photos -o all.npy --shard 2/2\n"
      "  llm2clip merge all.npy");
  return {app, [flags](Messages& messages) { return run(*flags, messages); }};
}

}  // namespace llm2clip::cli
