#pragma once

#include <cstdint>
#include <span>

#include "llm2clip/image.h"

namespace llm2clip {

/// The orientation, 1 to 8, that Pillow's Image.getexif() finds: in the EXIF block, else in the XMP
/// packet, else 1. Both may be empty or damaged. `exif` may start with "Exif\0\0", once or several
/// times.
int orientation_of(std::span<const std::uint8_t> exif, std::span<const std::uint8_t> xmp);

/// The same for a TIFF file, whose first directory is its EXIF block.
int orientation_of_tiff(std::span<const std::uint8_t> file, std::span<const std::uint8_t> xmp);

/// The image turned and mirrored as Pillow's ImageOps.exif_transpose does for `orientation`.
Image apply_orientation(Image image, int orientation);

}  // namespace llm2clip
