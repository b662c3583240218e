#pragma once

#include <string>

namespace llm2clip {

/// How far a stage may be from the reference's float32 values. The reasons are in
/// docs/numerics.md, which holds the same table.
struct Tolerance {
  double largest_error;  ///< max |ours - reference| / max |reference|; negative: not judged
  double cosine;         ///< at least, for each row; negative: not judged
};

/// Pixels and token ids are integers at heart and must be equal to the bit.
inline constexpr Tolerance kExact{0, -1};

/// For a network that computes in `precision`.
inline Tolerance network_tolerance(const std::string& precision) {
  if (precision == "float32") return {1e-4, 0.999999};
  // Half precisions are held to the direction alone: a single component near zero may lose all its
  // digits without moving a score.
  if (precision == "float16") return {-1, 0.9999};
  return {-1, 0.999};
}

/// For cosines between rows of such a network: the error is absolute there.
inline Tolerance score_tolerance(const std::string& precision) {
  if (precision == "float32") return {1e-5, -1};
  if (precision == "float16") return {5e-3, -1};
  return {2e-2, -1};
}

}  // namespace llm2clip
