#include <optional>

#include "commands/commands.h"
#include "commands/job.h"
#include "commands/job_output.h"
#include "commands/model_loading.h"
#include "inputs/sources.h"
#include "llm2clip/detail/command_line.h"
#include "llm2clip/embed.h"
#include "terminal/progress.h"
#include "terminal/stop_signals.h"

namespace llm2clip::cli {
namespace {

JobOutput::Provenance provenance_of(const Model& model, Part part, const EmbedTextFlags& flags) {
  JobOutput::Provenance result = provenance(model, part, flags.batch);
  result.emplace_back("special_tokens", flags.model.special_tokens);
  return result;
}

EmbedOptions embed_options(const EmbedTextFlags& flags) {
  EmbedOptions options;
  options.encode = encode_options(flags.batch);
  options.on_long = flags.on_long == "error" ? OnLong::error : OnLong::truncate;
  options.text_window = flags.job.commit_rows;
  return options;
}

}  // namespace

int run_embed_text(const EmbedTextFlags& flags, Messages& messages) {
  const ModelInfo info = read_model_info(flags.model.directory);
  const JobRequest job{flags.output, flags.job, detail::longest_text(info.tokenizer)};
  const Part part = flags.batch.no_adapter ? Part::caption : Part::text;
  require_part(flags.model.directory, info, part);
  const FileUses uses = JobOutput::written_files(flags.output, flags.job);
  uses.reads_folder("the model directory", flags.model.directory);
  uses.reads_texts(flags.texts);
  JobOutput::check(flags.output, flags.job);
  const TextSource source = text_source(flags.texts);
  catch_stop_signals();

  const std::uint64_t expected = flags.texts.files.empty() ? flags.texts.texts.size() : kUncounted;
  std::optional<Model> model;
  const bool loaded = unless_stopped([&] {
    model = load_part(flags.model, part, expected, messages,
                      JobOutput::recorded(flags.output, flags.job, kComputedIn));
  });
  if (!loaded) return end_before_start(job, messages);
  JobOutput output(flags.output, flags.job, provenance_of(*model, part, flags),
                   computing(*model, part), part == Part::text ? info.dim : info.text_width);
  Progress progress(messages, "texts");
  return run_job(output, job, progress, messages, embed_options(flags),
                 [&](const EmbedSink& sink, const EmbedOptions& options) {
                   embed_texts(*model, output.inputs_of(source), sink, options);
                 });
}

}  // namespace llm2clip::cli
