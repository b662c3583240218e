#include <algorithm>
#include <memory>

#include "commands/commands.h"
#include "commands/model_loading.h"
#include "jobs/embed.h"
#include "jobs/report.h"
#include "jobs/results.h"
#include "jobs/text_batches.h"
#include "terminal/stop_signals.h"

namespace llm2clip::cli {
namespace {

using Flags = EmbedTextFlags;

// Texts among which those of equal token counts are found: the more, the fuller their batches. Rows
// reach the disk at the end of a window, and a stop drops what is done of it: on a CPU the work of
// some minutes for a tower of 8B and of one for 1B; smaller towers have larger windows.
std::size_t window_of(const Model& model, const JobFlags& flags) {
  constexpr std::size_t kLeast = 512;
  constexpr std::size_t kMost = 4096;
  constexpr std::uint64_t kWork =
      kLeast * std::uint64_t{2'500'000'000};  // texts times bytes of weights
  const std::uint64_t weights = std::max<std::uint64_t>(model.info().text->bytes, 1);
  const std::size_t window =
      model.device() == "cpu" ? std::clamp(kWork / weights, kLeast, kMost) : kMost;
  return std::min(window, flags.commit_rows);
}

// Tokens above which a text loses its end.
int longest_text(const ModelInfo& info) {
  return std::min(info.tokenizer.max_tokens, info.tokenizer.doc_max_length);
}

Results::Provenance provenance_of(const Model& model, Part part, const Flags& flags) {
  Results::Provenance result = provenance(model, part, flags.batch);
  result.emplace_back("special_tokens", flags.model.special_tokens);
  return result;
}

void embed(const std::shared_ptr<const Model>& model, const Flags& flags,
           std::shared_ptr<TextSource> source, const std::shared_ptr<Results>& results,
           Messages& messages) {
  Progress progress(messages, "texts");
  // Whoever has the tokenizer has the model.
  std::shared_ptr<const Tokenizer> tokenizer(model, &model->tokenizer());
  TextBatches batches(std::move(source), std::move(tokenizer), window_of(*model, flags.job),
                      longest_text(model->info()), flags.on_long == "error", results);
  embed_batches(batches, *results, flags.job, progress, messages, encode_options(flags.batch),
                [&](const TextBatches::Texts& texts, const EncodeOptions& options) {
                  return model->encode_tokens(texts.tokens, options);
                });
}

}  // namespace

int run_embed_text(const EmbedTextFlags& flags, Messages& messages) {
  const ModelInfo info = read_model_info(flags.model.directory);
  const JobRequest job{flags.output, flags.job, longest_text(info)};
  const Part part = flags.batch.no_adapter ? Part::caption : Part::text;
  require_part(flags.model.directory, info, part);
  const FileUses uses = Results::written_files(flags.output, flags.job);
  uses.reads_folder("the model directory", flags.model.directory);
  uses.reads_texts(flags.texts);
  Results::check(flags.output, flags.job);
  auto source = std::make_shared<TextSource>(flags.texts);
  catch_stop_signals();

  const std::uint64_t expected = flags.texts.files.empty() ? flags.texts.texts.size() : kUncounted;
  std::shared_ptr<const Model> model;
  const bool loaded = unless_stopped([&] {
    model = std::make_shared<const Model>(
        load_part(flags.model, part, expected, messages,
                  Results::recorded(flags.output, flags.job, kComputedIn)));
  });
  if (!loaded) return end_before_start(job, messages);
  const auto results = std::make_shared<Results>(
      flags.output, flags.job, provenance_of(*model, part, flags), computing(*model, part),
      part == Part::text ? info.dim : info.text_width);
  if (const std::string warning = results->warning(); !warning.empty()) messages.warning(warning);
  embed(model, flags, std::move(source), results, messages);
  return end_job(*results, job, messages);
}

}  // namespace llm2clip::cli
