#include <CLI/CLI.hpp>
#include <memory>

#include "commands/load_commands.h"
#include "llm2clip/error.h"

namespace llm2clip::cli {
namespace {

void add_index_flags(CLI::App& app, IndexFlags& flags) {
  const char* const group = "Index";
  add_index_flag(app, flags.index)->group(group);
  add_list(app, "--from", flags.rows, "Take the rows of a .npy or .safetensors file; no images")
      ->type_name("FILE")
      ->group(group);
  add_choice(app, "--kind", flags.kind, "exact|hnsw",
             "A search looks at every row, or at few and may miss some")
      ->group(group);
  add_choice(app, "--scan", flags.scan, "float16|int8",
             "What is read of every row; the hits are the same")
      ->group(group);
  app.add_flag("--thumbnails", flags.thumbnails,
               "Keep a thumbnail of each image for search --html, from now on")
      ->group(group);
  app.add_flag("--compact", flags.compact, "Write all rows into one file without removed ones")
      ->group(group);
  app.add_flag("--check", flags.verify, "Compare every file of the index with its SHA-256")
      ->group(group);
}

// Rows that are there, or images: the flags of one say nothing about the other.
void check_flags(const IndexFlags& flags) {
  const bool images = !flags.images.paths.empty() || !flags.images.lists.empty();
  if (images && !flags.rows.empty()) {
    throw Error(ErrorKind::invalid_argument,
                "--from: rows and images are indexed one after the other, in two commands");
  }
  if (images) check_model_named(flags.model.directory);
  const bool changed = flags.compact || !flags.kind.empty() || !flags.scan.empty();
  if (!images && flags.rows.empty() && !changed && !flags.verify) {
    throw Error(ErrorKind::invalid_argument, "images: none; give a folder, or rows by --from FILE");
  }
}

}  // namespace

Command add_index(CLI::App& program) {
  CLI::App* app =
      program.add_subcommand("index", "Make images searchable, and keep up with their folders");
  auto flags = std::make_shared<IndexFlags>();
  flags->images.recursive = true;
  add_index_flags(*app, *flags);
  add_image_flags(*app, flags->images);
  add_decode_memory_flag(*app, flags->decode_memory);
  add_model_directory(*app, flags->model.directory);
  add_device_flags(*app, flags->model);
  add_image_batch_flag(*app, flags->batch);
  add_failure_flags(*app, flags->job, "A file for the inputs that failed, one JSON line each");
  add_commit_flags(*app, flags->job);
  app->footer(
      "Examples:\n"
      "  llm2clip index -m models/demo photos -x photos.index\n"
      "  llm2clip index --from rows.npy -x rows.index\n"
      "  llm2clip index -x rows.index --kind hnsw");
  return {app, [flags](Messages& messages) {
            check_flags(*flags);
            return commands().index(*flags, messages);
          }};
}

}  // namespace llm2clip::cli
