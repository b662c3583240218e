#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "llm2clip/image.h"
#include "llm2clip/thumbnail.h"

namespace llm2clip {

// As read_image and decode_image. `orientation`, where it is given, becomes what
// apply_orientation() takes to turn the image upright, which the options leave as it is: 1 where it
// is so already.
Image read_oriented(const std::filesystem::path& path, const ReadOptions& options,
                    int* orientation);
Image decode_oriented(std::span<const std::uint8_t> bytes, const std::string& name,
                      const ReadOptions& options, int* orientation);

/// make_thumbnail() of the image turned upright.
Thumbnail upright_thumbnail(const ImageView& image, int orientation, int side);

}  // namespace llm2clip
