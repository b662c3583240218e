#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "llm2clip/image.h"
#include "llm2clip/thumbnail.h"

namespace llm2clip {

/// An image as ReadOptions::apply_orientation leaves it, and the orientation that
/// apply_orientation() takes to turn it upright: 1 where it is so already.
struct Oriented {
  Image image;
  int orientation = 1;
};

/// make_thumbnail() of the image turned upright.
Thumbnail upright_thumbnail(const Oriented& read, int side);

/// As read_image and decode_image.
Oriented read_oriented(const std::filesystem::path& path, const ReadOptions& options);
Oriented decode_oriented(std::span<const std::uint8_t> bytes, const std::string& name,
                         const ReadOptions& options);

}  // namespace llm2clip
