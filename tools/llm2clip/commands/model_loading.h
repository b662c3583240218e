#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "flags/args.h"
#include "llm2clip/model.h"
#include "terminal/messages.h"

namespace llm2clip::cli {

/// What a command needs of a model; `caption` is the text part without its adapter.
enum class Part { vision, text, caption };

/// Throws Error(bad_model) when the directory lacks what `part` needs. No weights are touched, so
/// that a mistake is told before minutes of loading.
void require_part(const std::string& directory, const ModelInfo& info, Part part);

/// More inputs than can be counted beforehand: whatever comes on standard input or out of a file.
inline constexpr std::uint64_t kUncounted = std::numeric_limits<std::uint64_t>::max();

/// The entry of provenance that names the precision of a run.
inline constexpr const char* kComputedIn = "computed_in";

/// Loads `part` alone for about `expected_inputs` inputs and sets the number of threads.
/// `recorded_precision` is that of the run which the rows continue: it is taken again unless the
/// flags name one, or this machine cannot compute in it.
Model load_part(const ModelFlags& flags, Part part, std::uint64_t expected_inputs,
                Messages& messages, const std::string& recorded_precision = {});

/// While it lives, the library's warnings are warnings, and its other lines details (-v).
class LibraryLines {
 public:
  explicit LibraryLines(Messages& messages);
  ~LibraryLines();
  LibraryLines(const LibraryLines&) = delete;
  LibraryLines& operator=(const LibraryLines&) = delete;
};

LoadOptions load_options(const ModelFlags& flags);

/// What rows of `part` mean, for the file that holds them.
std::vector<std::pair<std::string, std::string>> provenance(const Model& model, Part part,
                                                            const BatchFlags& flags);

/// The same of a model that is not loaded, were it to compute in `precision` on `device`.
std::vector<std::pair<std::string, std::string>> provenance(const ModelInfo& info, Part part,
                                                            const BatchFlags& flags,
                                                            const std::string& precision,
                                                            const std::string& device);

/// What the loaded `part` computes in.
std::string computed_in(const Model& model, Part part);

/// How they are computed here, as far as it changes rounding alone: RunOptions::computing.
std::vector<std::pair<std::string, std::string>> computing(const Model& model, Part part);

}  // namespace llm2clip::cli
