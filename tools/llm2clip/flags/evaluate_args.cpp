#include <CLI/CLI.hpp>
#include <memory>

#include "commands/load_commands.h"

namespace llm2clip::cli {
namespace {

void add_model_flags(CLI::App& app, ModelFlags& model, BatchFlags& batch) {
  add_model_directory(app, model.directory);
  add_device_flags(app, model);
  add_image_batch_flag(app, batch);
  add_text_batch_flag(app, batch);
}

void add_json_flag(CLI::App& app, bool& json) {
  app.add_flag("--json", json, "One JSON object: shares from 0 to 1, and what computed them")
      ->group("Output");
}

void add_row_flags(CLI::App& app, EvaluateRetrievalFlags& flags, CLI::Option* data) {
  const char* const group = "Rows";
  const auto add = [&](const char* name, std::string& path, const char* help) {
    return app.add_option(name, path, help)->type_name("FILE")->group(group)->excludes(data);
  };
  CLI::Option* images =
      add("--images", flags.images, "Rows of images, .npy or .safetensors, instead of a model");
  CLI::Option* texts = add("--texts", flags.texts, "Rows of texts");
  CLI::Option* pairs = add("--pairs", flags.pairs, "The data set; its names are ids of rows");
  for (CLI::Option* option : {images, texts, pairs}) {
    for (CLI::Option* other : {images, texts, pairs}) {
      if (option != other) option->needs(other);
    }
  }
}

void add_data_flags(CLI::App& app, EvaluateRetrievalFlags& flags) {
  const char* const group = "Input";
  CLI::Option* data =
      app.add_option("data", flags.data, "Captioned images: a file, or the folder of urban1k");
  data->type_name("FILE|DIR");
  app.add_option("--layout", flags.layout, "How the data set is written")
      ->type_name("pairs|coco|flickr|sharegpt4v|urban1k|docci")
      ->check(one_of({"pairs", "coco", "flickr", "sharegpt4v", "urban1k", "docci"}))
      ->capture_default_str()
      ->group(group);
  app.add_option("--root", flags.root, "Where the paths of its images begin; default: its folder")
      ->type_name("DIR")
      ->group(group);
  app.add_option("--captions-per-image", flags.captions_per_image,
                 "The first so many; default: 5 of coco and flickr, else all")
      ->type_name("N")
      ->check(positive())
      ->group(group);
  add_on_error_flag(app, flags.on_error);
  add_row_flags(app, flags, data);
}

void check_data_named(const EvaluateRetrievalFlags& flags) {
  if (!flags.images.empty()) return;
  if (flags.data.empty()) {
    throw Error(ErrorKind::invalid_argument,
                "data: none; give a file of captioned images, or --images, --texts and --pairs");
  }
  check_model_named(flags.model.directory);
}

}  // namespace

CLI::App* add_evaluate(CLI::App& program) {
  CLI::App* app = program.add_subcommand("evaluate", "How good embeddings are, as papers say it");
  app->require_subcommand(1);
  return app;
}

Command add_evaluate_retrieval(CLI::App& evaluate) {
  CLI::App* app = evaluate.add_subcommand("retrieval", "Recall of images by texts and back");
  auto flags = std::make_shared<EvaluateRetrievalFlags>();
  add_data_flags(*app, *flags);
  add_model_flags(*app, flags->model, flags->batch);
  add_json_flag(*app, flags->json);
  app->footer(
      "Examples:\n"
      "  llm2clip evaluate retrieval -m models/demo pairs.jsonl\n"
      "  llm2clip evaluate retrieval -m models/demo dataset_coco.json --layout coco --root coco\n"
      "  llm2clip evaluate retrieval --images rows.npy --texts texts.npy --pairs pairs.jsonl");
  return {app, [flags](Messages& messages) {
            check_data_named(*flags);
            return commands().evaluate_retrieval(*flags, messages);
          }};
}

Command add_evaluate_zero_shot(CLI::App& evaluate) {
  CLI::App* app = evaluate.add_subcommand("zero-shot", "Accuracy of labels, a folder a label");
  auto flags = std::make_shared<EvaluateZeroShotFlags>();
  const char* const group = "Labels";
  app->add_option("folder", flags->folder, "A folder of folders of images, one for each label")
      ->type_name("DIR")
      ->required();
  add_on_error_flag(*app, flags->on_error);
  app->add_option("--labels", flags->labels_file,
                  "A label a line in the order of folders, or FOLDER, a tab, label")
      ->type_name("FILE")
      ->group(group);
  add_list(*app, "--template", flags->templates, "A text with {} for the label; may be given again")
      ->type_name("TEXT")
      ->group(group);
  app->add_option("--templates", flags->templates_file, "A file with one template a line")
      ->type_name("FILE")
      ->group(group);
  add_model_flags(*app, flags->model, flags->batch);
  add_json_flag(*app, flags->json);
  app->footer(
      "Examples:\n"
      "  llm2clip evaluate zero-shot -m models/demo shapes\n"
      "  llm2clip evaluate zero-shot -m models/demo imagenet/val --labels names.txt \\\n"
      "      --templates templates.txt --json");
  return {app, [flags](Messages& messages) {
            check_model_named(flags->model.directory);
            return commands().evaluate_zero_shot(*flags, messages);
          }};
}

}  // namespace llm2clip::cli
