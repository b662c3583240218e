#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "exit_code.h"
#include "inputs/text_inputs.h"
#include "llm2clip/tokenizer.h"
#include "model_loading.h"
#include "output.h"
#include "table.h"
#include "terminal_text.h"

namespace llm2clip::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Flags {
  std::string directory;
  std::string tokenizer_file;
  TextFlags texts;
  SpecialTokens special_tokens = SpecialTokens::parse;
  bool raw = false;
  bool pretty = false;
};

Tokenizer load(const Flags& flags) {
  if (!flags.tokenizer_file.empty()) {
    return Tokenizer::load(flags.tokenizer_file, {.special_tokens = flags.special_tokens});
  }
  if (flags.directory.empty()) {
    throw Error(ErrorKind::invalid_argument, "tokenizer: none; give -m DIR or --tokenizer FILE");
  }
  return load_tokenizer(flags.directory, flags.special_tokens);
}

Tokens encode(const Tokenizer& tokenizer, const TextInput& input, bool raw) {
  try {
    if (!raw) return tokenizer.encode(input.text);
    Tokens tokens;
    tokens.ids = tokenizer.encode_raw(input.text);
    return tokens;
  } catch (const Error& error) {
    throw at_place(input.place, error);
  }
}

std::vector<std::string> pieces_of(const Tokenizer& tokenizer, const Tokens& tokens) {
  std::vector<std::string> pieces;
  for (const std::int64_t id : tokens.ids) pieces.push_back(tokenizer.piece(id));
  return pieces;
}

std::string json_line(const Tokenizer& tokenizer, const Tokens& tokens, bool raw) {
  Json line = {{"ids", tokens.ids}};
  if (!raw) {
    line["pooled"] = tokens.pooled;
    line["truncated"] = tokens.truncated;
  }
  line["pieces"] = pieces_of(tokenizer, tokens);
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// A table for people: the ids, what they stand for, and which are averaged.
std::string table_of(const Tokenizer& tokenizer, const Tokens& tokens, bool raw) {
  std::vector<std::string> ids;
  for (const std::int64_t id : tokens.ids) ids.push_back(std::to_string(id));
  const std::vector<std::string> pieces = pieces_of(tokenizer, tokens);
  std::vector<Column> columns = {
      {.title = "id", .width = widest(ids), .right = true},
      {.title = "piece", .width = widest(pieces) + 2, .cut = Column::Cut::end}};
  if (!raw) columns.push_back({.title = "pooled"});
  const Table table(columns, terminal_columns());

  const std::size_t pooled =
      tokens.pooled == 0 ? ids.size() : static_cast<std::size_t>(tokens.pooled);
  std::string text = table.titles();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    std::vector<std::string> cells = {ids[i], "'" + pieces[i] + "'"};
    if (!raw) cells.push_back(i + pooled >= ids.size() ? "yes" : "");
    text += table.line(cells);
  }
  return text + (tokens.truncated ? "truncated: the text has more tokens\n" : "") + "\n";
}

// Stops at the first text that cannot be tokenized: output lines stand for input lines.
int run(const Flags& flags, Messages& messages) {
  InputPolicy policy(OnError::fail, messages);
  TextInputs inputs(flags.texts, policy);
  const Tokenizer tokenizer = load(flags);
  Output output;
  while (const std::optional<TextInput> input = inputs.next()) {
    const Tokens tokens = encode(tokenizer, *input, flags.raw);
    output.write(flags.pretty ? table_of(tokenizer, tokens, flags.raw)
                              : json_line(tokenizer, tokens, flags.raw));
  }
  output.flush();
  return kDone;
}

}  // namespace

Command add_tokenize(CLI::App& program) {
  CLI::App* app = program.add_subcommand("tokenize", "Token ids of texts, and which are averaged");
  auto flags = std::make_shared<Flags>();
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
  return {app, [flags](Messages& messages) { return run(*flags, messages); }};
}

}  // namespace llm2clip::cli
