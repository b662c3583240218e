#pragma once

#include <algorithm>
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

/// How much farther from float32 than the reference in the same half precision a row may be, in
/// terms of 1 - cosine: kHalfFactor times as far, and kHalfSlack beyond.
inline constexpr double kHalfFactor = 2;
inline double half_slack(const std::string& precision) {
  return precision == "float16" ? 1e-4 : 1e-3;
}

/// At least this must be the cosine of a row between ours in a half precision and the reference in
/// float32, where the reference in the half precision has `reference_cosine`.
inline double least_half_cosine(double reference_cosine, const std::string& precision) {
  return std::max(0.0, 1 - kHalfFactor * (1 - reference_cosine) - half_slack(precision));
}

/// The same for the largest error of a score.
inline double largest_half_error(double reference_error, double allowed) {
  return kHalfFactor * reference_error + allowed;
}

/// For cosines between rows of such a network: the error is absolute there.
inline Tolerance score_tolerance(const std::string& precision) {
  if (precision == "float32") return {1e-5, -1};
  if (precision == "float16") return {5e-3, -1};
  return {2e-2, -1};
}

}  // namespace llm2clip
