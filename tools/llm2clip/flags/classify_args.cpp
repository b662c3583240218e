#include <CLI/CLI.hpp>
#include <memory>

#include "commands/load_commands.h"

namespace llm2clip::cli {
namespace {

using Flags = ClassifyFlags;

void add_label_flags(CLI::App& app, Flags& flags) {
  const char* const group = "Labels";
  add_list(app, "-l,--label", flags.labels, "A label; may be given again")
      ->type_name("LABEL")
      ->group(group);
  app.add_option("--labels", flags.labels_file, "A file with one label a line")
      ->type_name("FILE")
      ->group(group);
  add_list(app, "--template", flags.templates, "A text with {} for the label; may be given again")
      ->type_name("TEXT")
      ->group(group);
  app.add_option("--templates", flags.templates_file, "A file with one template a line")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--save-labels", flags.save_labels, "Write the labels' embeddings: a label bank")
      ->type_name("BANK")
      ->group(group);
  CLI::Option* load = app.add_option("--load-labels", flags.load_labels,
                                     "A label bank instead of labels; needs no text part");
  load->type_name("BANK")->group(group);
  for (const char* other : {"--label", "--labels", "--template", "--templates"}) {
    load->excludes(app.get_option(other));
  }
}

void add_score_flags(CLI::App& app, Flags& flags) {
  const char* const group = "Output";
  app.add_option("--top-k", flags.top_k, "Labels shown for each image; 0: all")
      ->type_name("N")
      ->check(whole())
      ->capture_default_str()
      ->group(group);
  app.add_option("--activation", flags.activation, "What makes a score of a cosine")
      ->type_name("softmax|sigmoid|cosine")
      ->check(one_of({"softmax", "sigmoid", "cosine"}))
      ->capture_default_str()
      ->group(group);
  app.add_option("--scale", flags.scale, "Factor of the cosine; default: the model's")
      ->type_name("X")
      ->check(finite())
      ->group(group);
  app.add_option("--threshold", flags.threshold, "Leave out labels with a lower score")
      ->type_name("X")
      ->check(finite())
      ->group(group);
  app.add_flag("--json", flags.json, "One JSON line an image")->group(group);
}

}  // namespace

Command add_classify(CLI::App& program) {
  CLI::App* app = program.add_subcommand("classify", "Which of your labels fits an image best");
  auto flags = std::make_shared<ClassifyFlags>();
  add_image_flags(*app, flags->images);
  add_on_error_flag(*app, flags->on_error);
  add_label_flags(*app, *flags);
  add_model_directory(*app, flags->model.directory);
  add_device_flags(*app, flags->model);
  add_image_batch_flag(*app, flags->batch);
  add_text_batch_flag(*app, flags->batch);
  add_score_flags(*app, *flags);
  app->footer(
      "Examples:\n"
      "  llm2clip classify -m models/demo photo.jpg --label dog --label cat\n"
      "  llm2clip classify -m models/demo -r photos --labels animals.txt --top-k 1 --json\n"
      "  llm2clip classify -m models/demo --labels animals.txt --template 'a photo of a {}.' \\\n"
      "      --save-labels animals.safetensors\n"
      "  llm2clip classify -m models/demo photo.jpg --load-labels animals.safetensors");
  return {app, [flags](Messages& messages) {
            check_model_named(flags->model.directory);
            return commands().classify(*flags, messages);
          }};
}

}  // namespace llm2clip::cli
