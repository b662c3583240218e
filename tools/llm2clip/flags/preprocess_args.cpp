#include <CLI/CLI.hpp>
#include <memory>

#include "commands/load_commands.h"

namespace llm2clip::cli {
namespace {

void check_size_named(const PreprocessFlags& flags) {
  if (flags.image_size > 0 || !flags.directory.empty()) return;
  throw Error(ErrorKind::invalid_argument, "model: none; give -m DIR or --image-size S");
}

}  // namespace

Command add_preprocess(CLI::App& program) {
  CLI::App* app = program.add_subcommand("preprocess", "What the network sees of images");
  auto flags = std::make_shared<PreprocessFlags>();
  add_image_flags(*app, flags->images);
  add_model_directory(*app, flags->directory);
  app->add_option("--image-size", flags->image_size, "Side of the square, instead of a model")
      ->type_name("S")
      ->check(CLI::Range(1, 16384).description(""))
      ->group("Model");
  add_order_flag(*app, flags->order);
  add_passes_flag(*app, flags->resize_passes);
  // A model says both itself.
  for (const char* flag : {"--order", "--resize-passes"}) {
    app->get_option(flag)->needs(app->get_option("--image-size"));
  }
  app->add_option("-o,--output", flags->output,
                  "A .npy for float32 (B,3,S,S), or a .png of one image")
      ->type_name("FILE")
      ->required()
      ->group("Output");
  app->footer(
      "Examples:\n"
      "  llm2clip preprocess -m models/demo photo.jpg -o seen.png\n"
      "  llm2clip preprocess --image-size 336 --order torchvision -r photos -o pixels.npy");
  return {app, [flags](Messages& messages) {
            check_size_named(*flags);
            return commands().preprocess(*flags, messages);
          }};
}

}  // namespace llm2clip::cli
