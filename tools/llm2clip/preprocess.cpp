#include "llm2clip/preprocess.h"

#include <array>
#include <filesystem>

#include "commands.h"
#include "exit_code.h"
#include "image_inputs.h"
#include "llm2clip/embeddings_file.h"
#include "model_loading.h"
#include "progress.h"

namespace llm2clip::cli {
namespace {

using Flags = PreprocessFlags;

PreprocessOptions preprocess_options(const Flags& flags) {
  if (flags.has_size) return flags.preprocess;
  const ModelInfo info = read_model_info(flags.directory);
  require_part(flags.directory, info, Part::vision);
  return info.preprocess;
}

bool writes_png(const Flags& flags) {
  const std::filesystem::path ending = std::filesystem::path(flags.output).extension();
  if (ending != ".png" && ending != ".npy") {
    throw Error(ErrorKind::invalid_argument, flags.output + ": the name must end in .npy or .png");
  }
  check_output_path(flags.output);
  return ending == ".png";
}

void write_pixels(const std::vector<std::string>& paths, const PreprocessOptions& options,
                  const ReadOptions& read, const Flags& flags, Messages& messages) {
  const auto side = static_cast<std::size_t>(options.image_size);
  NpyWriter writer(flags.output, std::array<std::size_t, 3>{3, side, side});
  std::vector<float> pixels(3 * side * side);
  Progress progress(messages, "images", paths.size());
  for (std::size_t i = 0; i < paths.size(); ++i) {
    preprocess(read_input(paths[i], read), options, pixels);
    writer.append(pixels);
    progress.update(i + 1);
  }
  writer.finish();
}

}  // namespace

// Stops at the first image that cannot be read: rows stand for inputs.
int run_preprocess(const PreprocessFlags& flags, Messages& messages) {
  const PreprocessOptions options = preprocess_options(flags);
  const bool png = writes_png(flags);
  InputPolicy policy(InputPolicy::OnError::fail, messages);
  const std::vector<std::string> paths = list_images(flags.images, policy);
  ReadOptions read = flags.images.read;
  read.keep_mode = options.order == PreprocessOrder::torchvision;
  if (!png) {
    write_pixels(paths, options, read, flags, messages);
  } else if (paths.size() == 1) {
    write_file(flags.output, encode_png(resize_and_crop(read_input(paths[0], read), options)));
  } else {
    throw Error(ErrorKind::invalid_argument,
                flags.output + ": holds one image, " + std::to_string(paths.size()) + " are given");
  }
  return kDone;
}

}  // namespace llm2clip::cli
