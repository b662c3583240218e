#pragma once

#include <cstdint>
#include <vector>

#include "llm2clip/export.h"
#include "llm2clip/image.h"

namespace llm2clip {

/// An image for looking at.
struct Thumbnail {
  int width = 0;                        ///< pixels
  int height = 0;                       ///< pixels
  std::vector<std::uint8_t> jpeg = {};  ///< the bytes of a JPEG file
};

/// The image in RGB, shrunk as Pillow does where its longer side is more than `side`. Throws
/// Error(invalid_argument) for an image whose size and pixels disagree, and a side below 1.
LLM2CLIP_API Thumbnail make_thumbnail(const ImageView& image, int side);

}  // namespace llm2clip
