#include "commands/model_loading.h"

#include <algorithm>
#include <array>

#include "llm2clip/detail/command_line.h"
#include "llm2clip/log.h"
#include "llm2clip/threads.h"
#include "llm2clip/version.h"
#include "terminal/stop_signals.h"

namespace llm2clip::cli {
namespace {

LoadedPart tower_of(const Model& model, Part part) {
  return part == Part::vision ? *model.vision() : *model.text();
}

Model load_loudly(const std::string& directory, const LoadOptions& options, Messages& messages) {
  const LibraryLines lines(messages);
  return Model::load(directory, options);
}

// In the precision that a run was begun in, where none is asked for. Where this machine cannot have
// it, in the one that it would choose: the run then says that the two differ.
Model load_as_recorded(const std::string& directory, const LoadOptions& options,
                       const std::string& recorded_precision, Messages& messages) {
  const Precision recorded = recorded_precision.empty()
                                 ? Precision::automatic
                                 : from_string<Precision>(recorded_precision);
  if (options.precision == Precision::automatic && recorded != Precision::automatic) {
    LoadOptions same = options;
    same.precision = recorded;
    try {
      return load_loudly(directory, same, messages);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::unavailable) throw;
    }
  }
  return load_loudly(directory, options, messages);
}

}  // namespace

LibraryLines::LibraryLines(Messages& messages) {
  set_log_callback(
      [&messages](LogLevel level, std::string_view line) {
        if (level == LogLevel::warning) {
          messages.warning(line);
        } else {
          messages.detail(line);
        }
      },
      LogLevel::debug);
}

LibraryLines::~LibraryLines() { set_log_callback({}); }

void require_part(const std::string& directory, const ModelInfo& info, Part part) {
  const auto require = [&](bool there, const char* name) {
    if (there) return;
    throw Error(ErrorKind::bad_model,
                directory + ": has no " + name + " part, which this command needs");
  };
  if (part == Part::vision) {
    require(info.vision.has_value(), "vision");
  } else {
    require(info.text.has_value(), "text");
    if (part == Part::text) require(info.adapter.has_value(), "adapter");
  }
}

LoadOptions load_options(const ModelFlags& flags) {
  LoadOptions options;
  options.device = flags.device;
  options.precision = from_string<Precision>(flags.precision);
  options.optimize = from_string<Optimize>(flags.optimize);
  options.manifest_sha256 = flags.expect_sha256;
  options.trust_model = flags.trust_model;
  options.special_tokens = from_string<SpecialTokens>(flags.special_tokens);
  return options;
}

Model load_part(const ModelFlags& flags, Part part, std::uint64_t expected_inputs,
                Messages& messages, const std::string& recorded_precision) {
  if (flags.threads > 0) set_threads(flags.threads);
  LoadOptions options = load_options(flags);
  options.vision = part == Part::vision;
  options.text = part != Part::vision;
  options.expected_inputs = std::max<std::uint64_t>(expected_inputs, 1);
  options.stop = [] { return stop_signal() != 0; };
  Model model = load_as_recorded(flags.directory, options, recorded_precision, messages);
  const LoadedPart tower = tower_of(model, part);
  messages.detail(model.info().name + ": " + (part == Part::vision ? "vision" : "text") +
                  " part on " + tower.device + " in " + tower.precision);
  return model;
}

namespace {

// Only where the weights are not the published ones any more: older runs have no such key.
void add_stored_in(std::vector<std::pair<std::string, std::string>>& provenance,
                   const PartInfo& part) {
  if (part.quantized) provenance.emplace_back("stored_in", part.precision);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> provenance(const Model& model, Part part,
                                                            const BatchFlags& flags) {
  return provenance(model.info(), part, flags, computed_in(model, part), model.device());
}

std::vector<std::pair<std::string, std::string>> provenance(const ModelInfo& info, Part part,
                                                            const BatchFlags& flags,
                                                            const std::string& precision,
                                                            const std::string& device) {
  const bool vision = part == Part::vision;
  std::vector<std::pair<std::string, std::string>> provenance = {
      {"llm2clip", kVersion},
      {"model", info.name},
      {"manifest_sha256", info.manifest_sha256},
      {"part", vision ? "vision" : "text"},
      {"device", device},
      {kComputedIn, precision},
      {"normalized", flags.no_normalize ? "false" : "true"}};
  if (vision) {
    add_stored_in(provenance, *info.vision);
    provenance.emplace_back("vision_sha256", info.vision->sha256);
    provenance.emplace_back("image_size", std::to_string(info.preprocess.image_size));
    provenance.emplace_back("order", to_string(info.preprocess.order));
    provenance.emplace_back("resize_passes", to_string(info.preprocess.resize_passes));
  } else {
    add_stored_in(provenance, *info.text);
    provenance.emplace_back("text_sha256", info.text->sha256);
    provenance.emplace_back("adapter_sha256", part == Part::text ? info.adapter->sha256 : "none");
    provenance.emplace_back("max_tokens", std::to_string(info.tokenizer.max_tokens));
    provenance.emplace_back("doc_max_length", std::to_string(detail::longest_text(info.tokenizer)));
  }
  return provenance;
}

std::string computed_in(const Model& model, Part part) { return tower_of(model, part).precision; }

std::vector<std::pair<std::string, std::string>> computing(const Model& model, Part part) {
  const LoadedPart tower = tower_of(model, part);
  return {{"computed_in_reason", tower.precision_reason}, {"optimized", tower.optimized}};
}

}  // namespace llm2clip::cli
