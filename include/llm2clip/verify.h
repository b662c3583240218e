#pragma once

#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "llm2clip/export.h"
#include "llm2clip/model.h"

namespace llm2clip {

/// How one stage compares with the reference's values in golden.safetensors.
struct StageReport {
  std::string stage;         ///< "pixels", "token ids", "caption embedding", ...
  std::size_t values = 0;    ///< how many numbers were compared
  double largest_error = 0;  ///< max |ours - reference| / max |reference|
  double cosine = 1;         ///< the smallest over the rows
  double allowed_error =
      0;  ///< of docs/numerics.md for this stage and precision; negative: not judged
  double least_cosine = 0;  ///< of docs/numerics.md; negative: not judged
  bool ok = false;          ///< within both
  /// In a half precision, the smallest cosine over the rows between the reference's values in it
  /// and in float32; least_cosine follows from it. NaN in float32, and where the goldens do not
  /// say.
  double reference_cosine = std::numeric_limits<double>::quiet_NaN();
  /// The median over the rows, in a half precision and where there are enough rows; else NaN.
  double median_cosine = std::numeric_limits<double>::quiet_NaN();
  /// What reference_cosine is for the median; least_median follows from it.
  double reference_median = std::numeric_limits<double>::quiet_NaN();
  double least_median = -1;  ///< of docs/numerics.md; negative: not judged
};

/// Recomputes the goldens of a model directory: one report per stage, in the order they are
/// computed. Throws what Model::load throws, and Error(bad_model) where the goldens are missing.
LLM2CLIP_API std::vector<StageReport> verify(const std::filesystem::path& directory,
                                             const LoadOptions& options = {});

/// Checks size and SHA-256 of every file the manifest names, whatever was checked before.
/// Throws Error(bad_model) naming the first file that differs.
LLM2CLIP_API void verify_files(const std::filesystem::path& directory);

}  // namespace llm2clip
