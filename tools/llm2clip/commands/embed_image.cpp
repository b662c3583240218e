#include <algorithm>
#include <memory>
#include <optional>
#include <thread>

#include "commands/commands.h"
#include "commands/model_loading.h"
#include "jobs/embed.h"
#include "jobs/image_batches.h"
#include "jobs/report.h"
#include "jobs/results.h"
#include "terminal/stop_signals.h"

namespace llm2clip::cli {
namespace {

using Flags = EmbedImageFlags;

std::size_t decoding_threads(const ModelFlags& flags) {
  return flags.threads > 0 ? static_cast<std::size_t>(flags.threads)
                           : std::max(1u, std::thread::hardware_concurrency());
}

Results::Provenance provenance_of(const Model& model, const Flags& flags) {
  Results::Provenance result = provenance(model, Part::vision, flags.batch);
  result.emplace_back("exif", flags.images.read.apply_orientation ? "true" : "false");
  return result;
}

void embed(const Model& model, const Flags& flags, std::shared_ptr<ImageSource> source,
           const std::shared_ptr<Results>& results, Messages& messages) {
  Progress progress(messages, "images", source->inputs.total().value_or(0));
  ImageBatches batches(std::move(source), model.info().preprocess, flags.batch.encode.batch_size,
                       decoding_threads(flags.model), flags.decode_memory, results);
  embed_batches(batches, *results, flags.job, progress, messages, encode_options(flags.batch),
                [&](const ImageBatches::Images& images, const EncodeOptions& options) {
                  return model.encode_images(images.images, options);
                });
}

}  // namespace

int run_embed_image(const EmbedImageFlags& flags, Messages& messages) {
  const JobRequest job{flags.output, flags.job};
  const ModelInfo info = read_model_info(flags.model.directory);
  require_part(flags.model.directory, info, Part::vision);
  const FileUses uses = Results::written_files(flags.output, flags.job);
  uses.reads_folder("the model directory", flags.model.directory);
  uses.reads_images(flags.images);
  Results::check(flags.output, flags.job);
  auto source = std::make_shared<ImageSource>(flags.images);
  catch_stop_signals();

  std::optional<Model> model;
  const bool loaded = unless_stopped([&] {
    model = load_part(flags.model, Part::vision, source->inputs.total().value_or(kUncounted),
                      messages, Results::recorded(flags.output, flags.job, kComputedIn));
  });
  if (!loaded) return end_before_start(job, messages);
  const auto results =
      std::make_shared<Results>(flags.output, flags.job, provenance_of(*model, flags),
                                computing(*model, Part::vision), info.dim);
  if (const std::string warning = results->warning(); !warning.empty()) messages.warning(warning);
  embed(*model, flags, std::move(source), results, messages);
  return end_job(*results, job, messages);
}

}  // namespace llm2clip::cli
