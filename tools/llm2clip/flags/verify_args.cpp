#include <CLI/CLI.hpp>
#include <memory>

#include "commands/load_commands.h"

namespace llm2clip::cli {

Command add_verify(CLI::App& program) {
  CLI::App* app = program.add_subcommand("verify", "Compare a model with its reference values");
  auto flags = std::make_shared<VerifyFlags>();
  add_model_directory(*app, flags->model.directory);
  add_device_flags(*app, flags->model);
  app->add_flag("--files", flags->files, "Only check the size and SHA-256 of every file")
      ->group("Output");
  app->add_flag("--json", flags->json, "One JSON line a stage")->group("Output");
  app->footer(
      "Examples:\n"
      "  llm2clip verify -m models/demo\n"
      "  llm2clip verify -m models/demo --files");
  return {app, [flags](Messages& messages) {
            check_model_named(flags->model.directory);
            return commands().verify(*flags, messages);
          }};
}

}  // namespace llm2clip::cli
