#include <CLI/CLI.hpp>
#include <memory>

#include "commands/load_commands.h"

namespace llm2clip::cli {
namespace {

void check_tokenizer_named(const TokenizeFlags& flags) {
  if (!flags.tokenizer_file.empty() || !flags.directory.empty()) return;
  throw Error(ErrorKind::invalid_argument, "tokenizer: none; give -m DIR or --tokenizer FILE");
}

}  // namespace

Command add_tokenize(CLI::App& program) {
  CLI::App* app = program.add_subcommand("tokenize", "Token ids of texts, and which are averaged");
  auto flags = std::make_shared<TokenizeFlags>();
  add_text_flags(*app, flags->texts);
  add_special_tokens_flag(*app, flags->special_tokens);
  add_model_directory(*app, flags->directory);
  app->add_option("--tokenizer", flags->tokenizer_file,
                  "tokenizer.json or .model instead, with Llama-3's prompt")
      ->type_name("FILE")
      ->group("Model");
  app->add_flag("--raw", flags->raw, "The bare text: no prompt, nothing cut")->group("Output");
  app->add_flag("--pretty", flags->pretty, "A table instead of JSON lines")->group("Output");
  app->footer(
      "Examples:\n"
      "  llm2clip tokenize -m models/demo -t 'a red circle' --pretty\n"
      "  llm2clip tokenize --tokenizer tokenizer.json --raw -f captions.txt");
  return {app, [flags](Messages& messages) {
            check_texts_named(flags->texts);
            check_tokenizer_named(*flags);
            return commands().tokenize(*flags, messages);
          }};
}

}  // namespace llm2clip::cli
