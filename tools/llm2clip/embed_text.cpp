#include <algorithm>

#include "commands.h"
#include "model_loading.h"
#include "progress.h"
#include "row_writer.h"
#include "text_inputs.h"

namespace llm2clip::cli {
namespace {

// Tokens above which a text loses its end.
int longest_text(const Model& model) {
  return std::min(model.info().tokenizer.max_tokens, model.info().tokenizer.doc_max_length);
}

// A block is large, because the texts of a batch have equal token counts and are found within it.
constexpr std::size_t kBlockTexts = 16384;
constexpr std::size_t kBlockBytes = 16u << 20;

using Flags = EmbedTextFlags;

// Reads and tokenizes texts in blocks, so that memory does not grow with their number.
class TokenBlocks {
 public:
  TokenBlocks(TextInputs& inputs, const Model& model, bool refuse_long, InputPolicy& policy)
      : inputs_(inputs), model_(model), refuse_long_(refuse_long), policy_(policy) {}

  // False when nothing is left.
  bool next() {
    ids_.clear();
    tokens_.clear();
    std::size_t bytes = 0;
    while (ids_.size() < kBlockTexts && bytes < kBlockBytes) {
      const std::optional<TextInput> input = inputs_.next();
      if (!input) break;
      std::optional<Tokens> tokens = encode(*input);
      if (!tokens) continue;
      if (tokens->truncated) count_long(*input);
      bytes += input->text.size();
      ids_.push_back(input->id);
      tokens_.push_back(std::move(*tokens));
    }
    return !ids_.empty();
  }

  const std::vector<std::string>& ids() const { return ids_; }
  const std::vector<Tokens>& tokens() const { return tokens_; }
  std::size_t truncated() const { return truncated_; }  // of all blocks

 private:
  std::optional<Tokens> encode(const TextInput& input) {
    try {
      return model_.tokenizer().encode(input.text);
    } catch (const Error& error) {
      policy_.failed(at_place(input.place, error));
      return std::nullopt;
    }
  }

  // Refusing is a decision about the run: it stops under --on-error skip as well.
  void count_long(const TextInput& input) {
    ++truncated_;
    if (!refuse_long_) return;
    throw Error(ErrorKind::unreadable_input,
                input.place + ": has more than " + std::to_string(longest_text(model_)) +
                    " tokens; shorten it, or cut it with --on-long truncate");
  }

  TextInputs& inputs_;
  const Model& model_;
  bool refuse_long_;
  InputPolicy& policy_;
  std::vector<std::string> ids_;
  std::vector<Tokens> tokens_;
  std::size_t truncated_ = 0;
};

void embed(const Model& model, const Flags& flags, TokenBlocks& blocks, RowWriter& writer,
           InputPolicy& policy, Messages& messages) {
  Progress progress(messages, "texts");
  EncodeOptions options = encode_options(flags.batch);
  std::size_t done = 0;
  options.progress = [&](std::size_t done_in_block) {
    progress.update(done + done_in_block);
    return true;
  };
  while (blocks.next()) {
    writer.add(blocks.ids(), model.encode_tokens(blocks.tokens(), options), policy);
    done += blocks.ids().size();
  }
}

std::string summary_of(const RowWriter& writer, const TokenBlocks& blocks, const Model& model,
                       const InputPolicy& policy) {
  std::string text = summary(writer.rows(), "embedded", policy.failures());
  if (blocks.truncated() > 0) {
    text += ", " + std::to_string(blocks.truncated()) + " longer than " +
            std::to_string(longest_text(model)) + " tokens and cut";
  }
  return text;
}

}  // namespace

int run_embed_text(const EmbedTextFlags& flags, Messages& messages) {
  const ModelInfo info = read_model_info(flags.model.directory);
  const Part part = flags.batch.no_adapter ? Part::caption : Part::text;
  require_part(flags.model.directory, info, part);
  InputPolicy policy(flags.on_error, messages);
  RowWriter writer(flags.output);
  TextInputs inputs(flags.texts, policy);

  const Model model = load_part(flags.model, part, messages);
  TokenBlocks blocks(inputs, model, flags.on_long == "error", policy);
  embed(model, flags, blocks, writer, policy, messages);
  writer.finish(provenance(model, part, flags.batch),
                part == Part::text ? info.embedding_size : info.text_width);
  messages.note(summary_of(writer, blocks, model, policy));
  return policy.exit_code();
}

}  // namespace llm2clip::cli
