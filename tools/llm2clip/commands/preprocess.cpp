#include "llm2clip/preprocess.h"

#include <array>
#include <filesystem>

#include "commands/commands.h"
#include "commands/model_loading.h"
#include "inputs/file_uses.h"
#include "inputs/image_blocks.h"
#include "llm2clip/embeddings_file.h"
#include "terminal/exit_code.h"
#include "terminal/progress.h"

namespace llm2clip::cli {
namespace {

using Flags = PreprocessFlags;

PreprocessOptions preprocess_options(const Flags& flags) {
  if (flags.image_size > 0) {
    PreprocessOptions options;
    options.image_size = flags.image_size;
    options.order = from_string<PreprocessOrder>(flags.order);
    options.resize_passes = from_string<ResizePasses>(flags.resize_passes);
    return options;
  }
  if (flags.directory.empty()) {
    throw Error(ErrorKind::invalid_argument, "model: none; give -m DIR or --image-size S");
  }
  const ModelInfo info = read_model_info(flags.directory);
  require_part(flags.directory, info, Part::vision);
  return info.preprocess;
}

// Nothing that is read may be written over.
void check_files(const Flags& flags) {
  FileUses uses;
  uses.writes("-o", flags.output);
  if (!flags.directory.empty()) uses.reads_folder("the model directory", flags.directory);
  uses.reads_images(flags.images);
}

bool writes_png(const Flags& flags) {
  const std::filesystem::path ending = std::filesystem::path(flags.output).extension();
  if (ending != ".png" && ending != ".npy") {
    throw Error(ErrorKind::invalid_argument, flags.output + ": the name must end in .npy or .png");
  }
  check_output_path(flags.output);
  return ending == ".png";
}

void write_pixels(ImageInputs& inputs, const PreprocessOptions& options, const ReadOptions& read,
                  const Flags& flags, Messages& messages) {
  const auto side = static_cast<std::size_t>(options.image_size);
  NpyWriter writer(flags.output, std::array<std::size_t, 3>{3, side, side});
  std::vector<float> pixels(3 * side * side);
  Progress progress(messages, "images", inputs.total().value_or(0));
  std::size_t done = 0;
  while (const std::optional<ImageInput> input = inputs.next()) {
    preprocess(read_input(*input, read), options, pixels);
    writer.append(pixels);
    progress.update(++done);
  }
  writer.finish();
}

void write_png(ImageInputs& inputs, const PreprocessOptions& options, const ReadOptions& read,
               const std::string& path) {
  const std::optional<ImageInput> input = inputs.next();
  const std::vector<std::uint8_t> png =
      encode_png(resize_and_crop(read_input(*input, read), options));
  if (inputs.next()) {
    throw Error(ErrorKind::invalid_argument, path + ": holds one image, more are given");
  }
  write_file(path, png);
}

}  // namespace

// Stops at the first image that cannot be read: rows stand for inputs.
int run_preprocess(const PreprocessFlags& flags, Messages& messages) {
  check_files(flags);
  const PreprocessOptions options = preprocess_options(flags);
  const bool png = writes_png(flags);
  InputPolicy policy(OnError::fail, messages);
  ImageInputs inputs(flags.images, policy);
  ReadOptions read = flags.images.read;
  read.keep_mode = options.order == PreprocessOrder::torchvision;
  if (png) {
    write_png(inputs, options, read, flags.output);
  } else {
    write_pixels(inputs, options, read, flags, messages);
  }
  return kDone;
}

}  // namespace llm2clip::cli
