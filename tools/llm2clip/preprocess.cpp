#include "llm2clip/preprocess.h"

#include <CLI/CLI.hpp>
#include <array>
#include <filesystem>
#include <memory>

#include "commands.h"
#include "exit_code.h"
#include "image_inputs.h"
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

// Stops at the first image that cannot be read: rows stand for inputs.
int run(const Flags& flags, Messages& messages) {
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
