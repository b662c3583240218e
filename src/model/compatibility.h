#pragma once

#include <cstddef>
#include <filesystem>

#include "llm2clip/tokenizer.h"

namespace llm2clip {

class TorchModule;

/// The loaded parts of a model directory; null where a part is not there.
struct LoadedParts {
  const TorchModule* vision = nullptr;
  const TorchModule* text = nullptr;
  const TorchModule* adapter = nullptr;
  const Tokenizer* tokenizer = nullptr;
  std::filesystem::path tokenizer_path;
  std::size_t dim = 0;  ///< D, as the manifest says
};

/// Refuses parts that come from different models: an adapter for other captions or other images, a
/// tokenizer with more tokens than the text tower knows. Looks at the weights that
/// docs/model_format.md names; graphs that call them otherwise are checked when they run.
/// Throws Error(bad_model) naming both files and both sizes.
void check_fit(const LoadedParts& parts);

}  // namespace llm2clip
