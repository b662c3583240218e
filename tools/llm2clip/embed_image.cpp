#include <CLI/CLI.hpp>
#include <memory>

#include "commands.h"
#include "image_inputs.h"
#include "model_loading.h"
#include "progress.h"
#include "row_writer.h"

namespace llm2clip::cli {
namespace {

struct Flags {
  ModelFlags model;
  BatchFlags batch;
  ImageFlags images;
  OutputFlags output;
  InputPolicy::OnError on_error = InputPolicy::OnError::skip;
};

int run(const Flags& flags, Messages& messages) {
  const ModelInfo info = read_info(flags.model.directory);
  require_part(flags.model.directory, info, Part::vision);
  InputPolicy policy(flags.on_error, messages);
  RowWriter writer(flags.output);
  const std::vector<std::string> paths = list_images(flags.images, policy);

  const Model model = load_part(flags.model, Part::vision, paths.size(), messages);
  ReadOptions read = flags.images.read;
  read.keep_mode = info.preprocess.order == PreprocessOrder::torchvision;
  ImageBlocks blocks(paths, read, flags.batch.encode.batch_size, policy);
  {
    Progress progress(messages, "images", paths.size());
    while (blocks.next()) {
      if (!blocks.images().empty()) {
        const Embeddings rows = model.encode_images(blocks.images(), encode_options(flags.batch));
        writer.add(blocks.ids(), rows, policy);
      }
      progress.update(blocks.done());
    }
  }
  writer.finish(provenance(model, Part::vision, flags.batch), info.embedding_size);
  messages.note(summary(writer.rows(), "embedded", policy.failures()));
  return policy.exit_code();
}

}  // namespace

Command add_embed_image(CLI::App& program) {
  CLI::App* app = program.add_subcommand("embed-image", "Embeddings of images");
  auto flags = std::make_shared<Flags>();
  add_image_flags(*app, flags->images);
  add_on_error_flag(*app, flags->on_error);
  add_model_directory(*app, flags->model.directory);
  add_device_flags(*app, flags->model);
  add_image_batch_flag(*app, flags->batch);
  add_output_flags(*app, flags->output);
  add_normalize_flag(*app, flags->batch);
  app->footer(
      "Examples:\n"
      "  llm2clip embed-image -m models/demo photo.jpg\n"
      "  llm2clip embed-image -m models/demo -r photos -o photos.npy\n"
      "  find . -name '*.jpg' -print0 | llm2clip embed-image -m models/demo -0 - -o all.npy");
  return {app, [flags](Messages& messages) { return run(*flags, messages); }};
}

}  // namespace llm2clip::cli
