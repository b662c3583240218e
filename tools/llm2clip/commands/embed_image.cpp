#include <optional>

#include "commands/commands.h"
#include "commands/job.h"
#include "commands/job_output.h"
#include "commands/model_loading.h"
#include "inputs/sources.h"
#include "llm2clip/embed.h"
#include "terminal/progress.h"
#include "terminal/stop_signals.h"

namespace llm2clip::cli {
namespace {

JobOutput::Provenance provenance_of(const Model& model, const EmbedImageFlags& flags) {
  JobOutput::Provenance result = provenance(model, Part::vision, flags.batch);
  result.emplace_back("exif", flags.images.read.apply_orientation ? "true" : "false");
  return result;
}

EmbedOptions embed_options(const EmbedImageFlags& flags) {
  EmbedOptions options;
  options.encode = encode_options(flags.batch);
  options.read = flags.images.read;
  options.decoding_threads = static_cast<std::size_t>(flags.model.threads);
  options.decode_memory = flags.decode_memory;
  return options;
}

}  // namespace

int run_embed_image(const EmbedImageFlags& flags, Messages& messages) {
  const JobRequest job{flags.output, flags.job};
  const ModelInfo info = read_model_info(flags.model.directory);
  require_part(flags.model.directory, info, Part::vision);
  const FileUses uses = JobOutput::written_files(flags.output, flags.job);
  uses.reads_folder("the model directory", flags.model.directory);
  uses.reads_images(flags.images);
  JobOutput::check(flags.output, flags.job);
  const ImageSource source = image_source(flags.images, messages);
  catch_stop_signals();

  std::optional<Model> model;
  const bool loaded = unless_stopped([&] {
    model = load_part(flags.model, Part::vision, source.total().value_or(kUncounted), messages,
                      JobOutput::recorded(flags.output, flags.job, kComputedIn));
  });
  if (!loaded) return end_before_start(job, messages);
  JobOutput output(flags.output, flags.job, provenance_of(*model, flags),
                   computing(*model, Part::vision), info.dim);
  Progress progress(messages, "images", source.total().value_or(0));
  return run_job(output, job, progress, messages, embed_options(flags),
                 [&](const EmbedSink& sink, const EmbedOptions& options) {
                   embed_images(*model, output.inputs_of(source), sink, options);
                 });
}

}  // namespace llm2clip::cli
