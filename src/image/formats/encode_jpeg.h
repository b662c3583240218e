#pragma once

#include <cstdint>
#include <vector>

#include "llm2clip/image.h"

namespace llm2clip {

/// The bytes of a JPEG file of an RGB image whose rows lie one after the other, red first.
/// `quality` is libjpeg's, 1 to 100.
std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality);

}  // namespace llm2clip
