#include <CLI/CLI.hpp>
#include <memory>

#include "commands/load_commands.h"

namespace llm2clip::cli {

Command add_status(CLI::App& program) {
  CLI::App* app = program.add_subcommand("status", "How far the runs in a folder have come");
  auto flags = std::make_shared<StatusFlags>();
  app->add_option("folder", flags->folder, "Where the -o of the runs stand")
      ->type_name("DIR")
      ->capture_default_str();
  app->add_flag("--json", flags->json, "A JSON line a run")->group("Output");
  app->footer(
      "Examples:\n"
      "  llm2clip status /shared/rows\n"
      "  llm2clip status /shared/rows --json");
  return {app, [flags](Messages& messages) { return commands().status(*flags, messages); }};
}

}  // namespace llm2clip::cli
