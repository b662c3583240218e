#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "args.h"
#include "llm2clip/model.h"
#include "messages.h"

namespace llm2clip::cli {

/// What a command needs of a model; `caption` is the text part without its adapter.
enum class Part { vision, text, caption };

/// Throws Error(bad_model) when the directory lacks what `part` needs. No weights are touched, so
/// that a mistake is told before minutes of loading.
void require_part(const std::string& directory, const ModelInfo& info, Part part);

/// More inputs than can be counted beforehand: whatever comes on standard input or out of a file.
inline constexpr std::uint64_t kUncounted = std::numeric_limits<std::uint64_t>::max();

/// Loads `part` alone for about `expected_inputs` inputs and sets the number of threads.
Model load_part(const ModelFlags& flags, Part part, std::uint64_t expected_inputs,
                Messages& messages);

/// While it lives, the library's warnings are warnings, and its other lines details (-v).
class LibraryLines {
 public:
  explicit LibraryLines(Messages& messages);
  ~LibraryLines();
  LibraryLines(const LibraryLines&) = delete;
  LibraryLines& operator=(const LibraryLines&) = delete;
};

LoadOptions load_options(const ModelFlags& flags);

/// How rows of `part` come about, for the file that holds them.
std::vector<std::pair<std::string, std::string>> provenance(const Model& model, Part part,
                                                            const BatchFlags& flags);

}  // namespace llm2clip::cli
