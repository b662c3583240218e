
#include "commands.h"
#include "image_inputs.h"
#include "model_loading.h"
#include "progress.h"
#include "row_writer.h"

namespace llm2clip::cli {

int run_embed_image(const EmbedImageFlags& flags, Messages& messages) {
  const ModelInfo info = read_model_info(flags.model.directory);
  require_part(flags.model.directory, info, Part::vision);
  InputPolicy policy(flags.on_error, messages);
  RowWriter writer(flags.output);
  const std::vector<std::string> paths = list_images(flags.images, policy);

  const Model model = load_part(flags.model, Part::vision, messages);
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

}  // namespace llm2clip::cli
