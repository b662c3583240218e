#pragma once

#include <cstddef>
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

/// For a network that computes in `precision`. In a half precision only where the goldens do not
/// say what the reference itself loses, which least_half_cosine goes by.
inline Tolerance network_tolerance(const std::string& precision) {
  if (precision == "float32") return {1e-4, 0.999999};
  // Half precisions are held to the direction alone: a single component near zero may lose all its
  // digits without moving a score.
  if (precision == "float16") return {-1, 0.9999};
  return {-1, 0.999};
}

/// How much farther from float32 than the reference in the same half precision ours may be, in
/// terms of 1 - cosine: a factor, and a slack beyond. Of two computations that are both right a
/// single row loses up to forty times as much in one as in the other, where weights are trained; so
/// the worst row of each says little, and the median row much (docs/numerics.md).
inline constexpr double kWorstFactor = 40;
inline constexpr double kMedianFactor = 4;
inline constexpr std::size_t kFewestForMedian = 5;  ///< rows
inline double half_slack(const std::string& precision) {
  return precision == "float16" ? 1e-4 : 1e-3;
}

/// The least cosine to the reference in float32, where the reference in the half precision has
/// this.
inline double least_half_cosine(double reference_cosine, double factor,
                                const std::string& precision) {
  const double least = 1 - factor * (1 - reference_cosine) - half_slack(precision);
  return least < 0 ? 0 : least;  // a NaN stays one
}

/// The largest error of a score, where that of the reference's own is this.
inline double largest_half_error(double reference_error, double allowed) {
  return kMedianFactor * reference_error + allowed;
}

/// For cosines between rows of such a network: the error is absolute there.
inline Tolerance score_tolerance(const std::string& precision) {
  if (precision == "float32") return {1e-5, -1};
  if (precision == "float16") return {5e-3, -1};
  return {2e-2, -1};
}

}  // namespace llm2clip
