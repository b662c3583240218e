#include "llm2clip/preprocess.h"

#include <array>
#include <filesystem>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "commands/commands.h"
#include "commands/left_threads.h"
#include "commands/model_loading.h"
#include "inputs/file_uses.h"
#include "inputs/sources.h"
#include "llm2clip/detail/command_line.h"
#include "llm2clip/embed.h"
#include "llm2clip/embeddings_file.h"
#include "terminal/exit_code.h"
#include "terminal/progress.h"

namespace llm2clip::cli {
namespace {

PreprocessOptions preprocess_options(const PreprocessFlags& flags) {
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
void check_files(const PreprocessFlags& flags) {
  FileUses uses;
  uses.writes("-o", flags.output);
  if (!flags.directory.empty()) uses.reads_folder("the model directory", flags.directory);
  uses.reads_images(flags.images);
}

bool writes_png(const PreprocessFlags& flags) {
  const std::filesystem::path ending = std::filesystem::path(flags.output).extension();
  if (ending != ".png" && ending != ".npy") {
    throw Error(ErrorKind::invalid_argument, flags.output + ": the name must end in .npy or .png");
  }
  detail::check_output_path(flags.output);
  return ending == ".png";
}

// Stops at the first image that cannot be read: rows stand for inputs.
EmbedOptions embed_options(const PreprocessFlags& flags) {
  EmbedOptions options;
  options.read = flags.images.read;
  options.stop_at_failure = true;
  options.leave_threads = leave_threads;
  return options;
}

void write_pixels(ImageSource source, const PreprocessOptions& preprocess,
                  const PreprocessFlags& flags, Messages& messages) {
  const auto side = static_cast<std::size_t>(preprocess.image_size);
  const std::size_t size = 3 * side * side;
  NpyWriter writer(flags.output, std::array<std::size_t, 3>{3, side, side});
  Progress progress(messages, "images", source.total().value_or(0));
  EmbedOptions options = embed_options(flags);
  options.progress = [&](std::uint64_t done, std::optional<std::uint64_t>) {
    progress.update(done);
    return true;
  };
  std::vector<float> pixels;  // (B, 3, S, S)
  const auto append = [&](const PreprocessedBatch& batch) {
    pixels.resize(batch.crops.size());
    normalize_crops(batch.crops, preprocess, pixels);
    for (std::size_t at = 0; at < pixels.size(); at += size) {
      writer.append(std::span(pixels).subspan(at, size));
    }
  };
  preprocess_images(preprocess, std::move(source), append, options);
  writer.finish();
}

void write_png(ImageSource source, const PreprocessOptions& preprocess,
               const PreprocessFlags& flags) {
  Image seen{.width = preprocess.image_size, .height = preprocess.image_size};
  EmbedOptions options = embed_options(flags);
  options.encode.batch_size = 1;
  const auto keep = [&](const PreprocessedBatch& batch) {
    if (!seen.pixels.empty()) {
      throw Error(ErrorKind::invalid_argument, flags.output + ": holds one image, more are given");
    }
    seen.pixels = batch.crops;
  };
  preprocess_images(preprocess, std::move(source), keep, options);
  detail::write_file(flags.output, encode_png(seen));
}

}  // namespace

int run_preprocess(const PreprocessFlags& flags, Messages& messages) {
  check_files(flags);
  const PreprocessOptions options = preprocess_options(flags);
  const bool png = writes_png(flags);
  ImageSource source = image_source(flags.images, messages);
  if (png) {
    write_png(std::move(source), options, flags);
  } else {
    write_pixels(std::move(source), options, flags, messages);
  }
  return kDone;
}

}  // namespace llm2clip::cli
