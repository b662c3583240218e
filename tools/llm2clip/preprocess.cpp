#include "llm2clip/preprocess.h"

#include <CLI/CLI.hpp>
#include <array>
#include <filesystem>
#include <memory>

#include "commands.h"
#include "exit_code.h"
#include "image_blocks.h"
#include "llm2clip/embeddings_file.h"
#include "model_loading.h"
#include "progress.h"

namespace llm2clip::cli {
namespace {

struct Flags {
  std::string directory;
  ImageFlags images;
  PreprocessOptions preprocess;
  bool has_size = false;
  std::string output;
};

PreprocessOptions preprocess_options(const Flags& flags) {
  if (flags.has_size) return flags.preprocess;
  if (flags.directory.empty()) {
    throw Error(ErrorKind::invalid_argument, "model: none; give -m DIR or --image-size S");
  }
  const ModelInfo info = read_info(flags.directory);
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

// Stops at the first image that cannot be read: rows stand for inputs.
int run(const Flags& flags, Messages& messages) {
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

}  // namespace

Command add_preprocess(CLI::App& program) {
  CLI::App* app = program.add_subcommand("preprocess", "What the network sees of images");
  auto flags = std::make_shared<Flags>();
  add_image_flags(*app, flags->images);
  add_model_directory(*app, flags->directory);
  const auto set_size = [flags](const int& size) {
    flags->preprocess.image_size = size;
    flags->has_size = true;
  };
  app->add_option_function<int>("--image-size", set_size, "Side of the square, instead of a model")
      ->type_name("S")
      ->check(CLI::Range(1, 16384).description(""))
      ->group("Model");
  add_order_flag(*app, flags->preprocess.order);
  app->add_option("-o,--output", flags->output,
                  "A .npy for float32 (B,3,S,S), or a .png of one image")
      ->type_name("FILE")
      ->required()
      ->group("Output");
  app->footer(
      "Examples:\n"
      "  llm2clip preprocess -m models/demo photo.jpg -o seen.png\n"
      "  llm2clip preprocess --image-size 336 --order torchvision -r photos -o pixels.npy");
  return {app, [flags](Messages& messages) { return run(*flags, messages); }};
}

}  // namespace llm2clip::cli
