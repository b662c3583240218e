#include <CLI/CLI.hpp>
#include <memory>

#include "commands/load_commands.h"

namespace llm2clip::cli {

Command add_embed_text(CLI::App& program) {
  CLI::App* app = program.add_subcommand("embed-text", "Embeddings of texts");
  auto flags = std::make_shared<EmbedTextFlags>();
  add_text_flags(*app, flags->texts);
  add_special_tokens_flag(*app, flags->model.special_tokens);
  app->add_option("--on-long", flags->on_long, "What to do with a text of too many tokens")
      ->type_name("truncate|error")
      ->check(one_of({"truncate", "error"}))
      ->capture_default_str()
      ->group("Input");
  add_model_directory(*app, flags->model.directory);
  add_device_flags(*app, flags->model);
  add_text_batch_flag(*app, flags->batch);
  add_output_flags(*app, flags->output);
  add_normalize_flag(*app, flags->batch);
  add_adapter_flag(*app, flags->batch);
  add_job_flags(*app, flags->job);
  app->footer(
      "Examples:\n"
      "  llm2clip embed-text -m models/demo -t 'a red circle' -t 'a blue square'\n"
      "  llm2clip embed-text -m models/demo -f captions.txt -o captions.safetensors --resume\n"
      "  llm2clip embed-text -m models/demo -f rows.jsonl --jsonl --field caption -o rows.npy");
  return {app, [flags](Messages& messages) {
            check_model_named(flags->model.directory);
            check_texts_named(flags->texts);
            shard_by_archive(flags->job, flags->output, flags->texts.archives);
            return commands().embed_text(*flags, messages);
          }};
}

}  // namespace llm2clip::cli
