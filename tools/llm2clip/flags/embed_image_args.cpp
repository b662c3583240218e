#include <CLI/CLI.hpp>
#include <memory>

#include "commands/load_commands.h"

namespace llm2clip::cli {

Command add_embed_image(CLI::App& program) {
  CLI::App* app = program.add_subcommand("embed-image", "Embeddings of images");
  auto flags = std::make_shared<EmbedImageFlags>();
  add_image_flags(*app, flags->images);
  add_decode_memory_flag(*app, flags->decode_memory);
  add_model_directory(*app, flags->model.directory);
  add_device_flags(*app, flags->model);
  add_image_batch_flag(*app, flags->batch);
  add_output_flags(*app, flags->output);
  add_normalize_flag(*app, flags->batch);
  add_job_flags(*app, flags->job);
  app->footer(
      "Examples:\n"
      "  llm2clip embed-image -m models/demo photo.jpg\n"
      "  llm2clip embed-image -m models/demo -r photos -o photos.npy --resume\n"
      "  find . -name '*.jpg' -print0 | llm2clip embed-image -m models/demo -0 - -o all.npy");
  return {app, [flags](Messages& messages) {
            check_model_named(flags->model.directory);
            shard_by_archive(flags->job, flags->output, flags->images.archives);
            return commands().embed_image(*flags, messages);
          }};
}

}  // namespace llm2clip::cli
