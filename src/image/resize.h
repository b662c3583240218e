#pragma once

#include <cstdint>
#include <vector>

#include "llm2clip/image.h"
#include "llm2clip/preprocess.h"

namespace llm2clip {

/// A rectangle of a resized image.
struct Window {
  std::int64_t left = 0;
  std::int64_t top = 0;
  int width = 0;
  int height = 0;
};

/// The part `window` of what Pillow's Image.resize((width, height), BICUBIC) gives, to the bit and
/// for every mode, in the Pillow that `passes` names. Only what the window needs is
/// computed. The image has passed check_image, the window lies inside width x height. The order of
/// channels stays: each is resized alone.
Image resize_window(const ImageView& image, std::int64_t width, std::int64_t height,
                    const Window& window, ResizePasses passes = ResizePasses::pillow_11);

/// Which source samples one output sample is made of.
struct Taps {
  std::size_t first = 0;  ///< of the source samples
  std::size_t count = 0;
  std::size_t weights = 0;  ///< of the first weight in AxisWeights::values
};

/// The bicubic filter along one axis.
struct AxisWeights {
  std::vector<Taps> taps;
  std::vector<double> values;
};

/// Pillow's precompute_coeffs for output samples `begin` to `begin + count` of `out`.
AxisWeights bicubic_weights(std::int64_t in, std::int64_t out, std::int64_t begin, int count);

inline constexpr int kFractionBits = 32 - 8 - 2;  ///< of weights for 8-bit samples

/// Pillow's normalize_coeffs_8bpc: weights with 22 bits after the point, rounded away from zero.
std::vector<std::int32_t> fixed_point(const std::vector<double>& weights);

}  // namespace llm2clip
