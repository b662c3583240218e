#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/widest.h"

namespace llm2clip {

// What a resize of 8-bit samples spends its time on, once for each level of processor.
//
// One instruction multiplies two samples by two weights of 16 bits and adds the products. So taps
// are taken in pairs, and a weight of up to 24 bits is split in two:
// weight = high * 2^kLowBits + low.

inline constexpr int kLowBits = 11;
inline constexpr std::size_t kStripRows = 16;  ///< that are resized across at once

/// The two weights of a pair of samples, the first in the lower 16 bits of each part.
struct PairWeights {
  std::int32_t high;
  std::int32_t low;
};

/// What an output sample is made of: `pairs` pairs of source samples, from 2 * first on.
struct PairTaps {
  std::size_t first;
  std::size_t pairs;
  const PairWeights* weights;
};

/// Sixteen rows of an image of `bands` samples a pixel.
struct Strip {
  std::array<const std::uint8_t*, kStripRows> rows;
  std::size_t samples;  ///< of a row; what lies behind them is not read
  std::size_t bands;    ///< 1 to 4
};

/// Room for what of a strip the next output samples need, and for its output.
struct StripRoom {
  std::vector<std::int32_t> pairs;
  std::vector<std::uint8_t> columns;
};

/// Rows of an image, one after the other.
struct PackedRows {
  const std::uint8_t* first;
  std::size_t count;
  std::size_t samples;  ///< of a row
};

struct ResizeLoops {
  VectorLevel level;
  /// Puts the first `rows` rows of the strip, resized across, to `out`, one after the other.
  void (*across)(const Strip& strip, const std::vector<PairTaps>& taps, std::size_t rows,
                 StripRoom& room, std::uint8_t* out);
  /// Puts the weighted sum of rows to `out`.
  void (*down)(const PackedRows& rows, const PairTaps& tap, std::uint8_t* out);
};

/// Those that this processor can run, the widest last.
std::vector<ResizeLoops> all_resize_loops();

/// Those of the widest level that vector_level allows.
const ResizeLoops& resize_loops();

}  // namespace llm2clip
