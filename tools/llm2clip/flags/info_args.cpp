#include <CLI/CLI.hpp>
#include <memory>

#include "commands/load_commands.h"

namespace llm2clip::cli {

Command add_info(CLI::App& program) {
  CLI::App* app = program.add_subcommand("info", "What a model directory holds");
  auto flags = std::make_shared<InfoFlags>();
  add_model_directory(*app, flags->directory);
  app->add_flag("--json", flags->json, "One JSON line")->group("Output");
  app->footer(
      "Examples:\n"
      "  llm2clip info -m models/demo\n"
      "  llm2clip info -m models/demo --json");
  return {app, [flags](Messages& messages) {
            check_model_named(flags->directory);
            return commands().info(*flags, messages);
          }};
}

}  // namespace llm2clip::cli
