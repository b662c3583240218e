#include <CLI/CLI.hpp>
#include <memory>

#include "commands/load_commands.h"

namespace llm2clip::cli {

Command add_duplicates(CLI::App& program) {
  CLI::App* app =
      program.add_subcommand("duplicates", "Images of an index that are nearly the same");
  auto flags = std::make_shared<DuplicatesFlags>();
  add_index_flag(*app, flags->index)->group("Index");
  app->add_option("--min-score", flags->min_score, "The least cosine of two that are the same")
      ->type_name("X")
      ->check(CLI::Range(-1.0, 1.0).description(""))
      ->default_str("0.97")
      ->group("Output");
  add_hit_flags(*app, flags->hits);
  add_threads_flag(*app, flags->threads)->group("Index");
  app->footer(
      "Examples:\n"
      "  llm2clip duplicates -x photos.index\n"
      "  llm2clip duplicates -x photos.index --min-score 0.99 --json");
  return {app, [flags](Messages& messages) { return commands().duplicates(*flags, messages); }};
}

}  // namespace llm2clip::cli
