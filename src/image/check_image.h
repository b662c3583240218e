#pragma once

#include "llm2clip/image.h"

namespace llm2clip {

/// Throws Error(invalid_argument) for an image without pixels or one whose fields disagree.
void check_image(const ImageView& image);

}  // namespace llm2clip
