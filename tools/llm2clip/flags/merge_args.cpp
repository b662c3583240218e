#include <CLI/CLI.hpp>
#include <memory>

#include "commands/load_commands.h"

namespace llm2clip::cli {

Command add_merge(CLI::App& program) {
  CLI::App* app = program.add_subcommand("merge", "Join the outputs of --shard into one file");
  auto flags = std::make_shared<MergeFlags>();
  app->add_option("output", flags->output, "The -o of the shards")->type_name("FILE")->required();
  app->add_option("folders", flags->folders,
                  "Their folders; default: FILE.shard-I-of-N.run beside it")
      ->type_name("DIR");
  app->add_flag("--chunks", flags->chunks, "A file of each shard instead, FILE-0000I-of-0000N");
  add_overwrite_flag(*app, flags->overwrite);
  app->footer(
      "Examples:\n"
      "  llm2clip embed-image -m models/demo -r photos -o all.npy --shard 1/2\n"
      "  llm2clip embed-image -m models/demo -r photos -o all.npy --shard 2/2\n"
      "  llm2clip merge all.npy\n"
      "  llm2clip merge all.npy --chunks");
  return {app, [flags](Messages& messages) { return commands().merge(*flags, messages); }};
}

}  // namespace llm2clip::cli
