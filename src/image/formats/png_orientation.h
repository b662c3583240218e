#pragma once

#include <cstdint>
#include <span>

namespace llm2clip {

/// Which way Pillow's exif_transpose turns a PNG file: by its eXIf chunk, by EXIF or XMP in its
/// texts, whether compressed or not. 1 to 8; 1 where nothing is said or what is said is damaged.
int png_orientation(std::span<const std::uint8_t> file);

}  // namespace llm2clip
