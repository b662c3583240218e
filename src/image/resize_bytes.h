#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "image/image_rows.h"
#include "image/resize.h"
#include "image/resize_loops.h"

namespace llm2clip {

// The two passes over images of 8-bit samples, by the widest vectors that the processor has. Both
// sum 32-bit integers, so the order of additions changes nothing: the bits are those of the sums
// one by one. Note [Resize must match PIL].

/// Rows `first` to `first + rows` of an image whose pixels have `bands` samples, resized across:
/// (rows, axis.taps.size() * bands).
std::vector<std::uint8_t> resize_bytes_across(const PixelRows& image, std::size_t bands,
                                              const AxisWeights& axis, std::size_t first,
                                              std::size_t rows,
                                              const ResizeLoops& loops = resize_loops());

/// Rows of `samples` samples, the first of which is row `first` of the image, resized down:
/// (axis.taps.size(), samples).
std::vector<std::uint8_t> resize_bytes_down(std::span<const std::uint8_t> rows, std::size_t samples,
                                            std::size_t first, const AxisWeights& axis,
                                            const ResizeLoops& loops = resize_loops());

}  // namespace llm2clip
