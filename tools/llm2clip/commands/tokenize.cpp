#include <nlohmann/json.hpp>

#include "commands/commands.h"
#include "commands/model_loading.h"
#include "inputs/file_uses.h"
#include "inputs/text_inputs.h"
#include "llm2clip/detail/command_line.h"
#include "llm2clip/tokenizer.h"
#include "terminal/exit_code.h"
#include "terminal/json_output.h"
#include "terminal/output.h"
#include "terminal/table.h"
#include "terminal/terminal_text.h"

namespace llm2clip::cli {
namespace {

using nlohmann::ordered_json;

Tokenizer load(const TokenizeFlags& flags) {
  const auto special_tokens = from_string<SpecialTokens>(flags.special_tokens);
  if (!flags.tokenizer_file.empty()) {
    return Tokenizer::load(flags.tokenizer_file, {.special_tokens = special_tokens});
  }
  return load_tokenizer(flags.directory, special_tokens);
}

Tokens encode(const Tokenizer& tokenizer, const ListedText& input, bool raw) {
  try {
    if (!raw) return tokenizer.encode(input.text);
    Tokens tokens;
    tokens.ids = tokenizer.encode_raw(input.text);
    return tokens;
  } catch (const Error& error) {
    throw detail::at_place(input.place, error);
  }
}

std::vector<std::string> pieces_of(const Tokenizer& tokenizer, const Tokens& tokens) {
  std::vector<std::string> pieces;
  for (const std::int64_t id : tokens.ids) pieces.push_back(tokenizer.piece(id));
  return pieces;
}

std::string json_line(const Tokenizer& tokenizer, const Tokens& tokens, bool raw) {
  ordered_json line = {{"ids", tokens.ids}};
  if (!raw) {
    line["pooled"] = tokens.pooled;
    line["truncated"] = tokens.truncated;
  }
  line["pieces"] = pieces_of(tokenizer, tokens);
  return json_text(line) + "\n";
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

}  // namespace

// Stops at the first text that cannot be tokenized: output lines stand for input lines.
int run_tokenize(const TokenizeFlags& flags, Messages& messages) {
  FileUses uses;
  uses.writes_standard_output();
  uses.reads("--tokenizer", flags.tokenizer_file);
  if (!flags.directory.empty()) uses.reads_folder("the model directory", flags.directory);
  uses.reads_texts(flags.texts);
  InputPolicy policy(OnError::fail, messages);
  TextInputs inputs(flags.texts, policy);
  const Tokenizer tokenizer = load(flags);
  Output output;
  while (const std::optional<ListedText> input = inputs.next()) {
    const Tokens tokens = encode(tokenizer, *input, flags.raw);
    output.write(flags.pretty ? table_of(tokenizer, tokens, flags.raw)
                              : json_line(tokenizer, tokens, flags.raw));
  }
  output.flush();
  return kDone;
}

}  // namespace llm2clip::cli
