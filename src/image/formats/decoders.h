#pragma once

#include "image/source.h"

namespace llm2clip {

// Each walks its format's structure first (size, limits, the end of the file) and then decodes to
// the mode and samples of Pillow's Image.open(). All throw Error(unreadable_input) and nothing else
// about the file.
Image decode_jpeg(const Source& source);
Image decode_png(const Source& source);
Image decode_webp(const Source& source);
Image decode_bmp(const Source& source);
Image decode_tiff(const Source& source);
Image decode_gif(const Source& source);

}  // namespace llm2clip
