#pragma once

#include <cstdint>
#include <span>

#include "llm2clip/image.h"

namespace llm2clip {

/// The orientation, 1 to 8, that Pillow's Image.getexif() finds: in the EXIF block, else in the XMP
/// packet, else 1. Both may be empty or damaged. `exif` starts with the TIFF header.
int orientation_of(std::span<const std::uint8_t> exif, std::span<const std::uint8_t> xmp);

/// The picture turned and mirrored as Pillow's ImageOps.exif_transpose does for `orientation`.
Image apply_orientation(Image image, int orientation);

}  // namespace llm2clip
