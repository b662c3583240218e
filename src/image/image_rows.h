#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "llm2clip/image.h"

namespace llm2clip {

/// Rows in memory, `step` samples from one to the next; below 0 where they lie from bottom to top.
template <typename Sample>
struct SampleRows {
  const Sample* top;
  std::ptrdiff_t step;

  const Sample* operator[](std::size_t y) const {
    return top + static_cast<std::ptrdiff_t>(y) * step;
  }
};

using PixelRows = SampleRows<std::uint8_t>;

/// Bytes of a row, without what lies between rows.
std::size_t row_bytes(const ImageView& image);

/// The rows of an image that has passed check_image.
PixelRows rows_of(const ImageView& image);

/// Its rows one after the other, without padding, in the order of channels that they have.
std::vector<std::uint8_t> packed_pixels(const ImageView& image);

/// Whether its colors have blue first.
bool is_blue_first(const ImageView& image);

/// Of an image of the mode rgb or rgba.
void swap_red_and_blue(Image& image);

}  // namespace llm2clip
