// A file is decoded to an image whose fields agree, or refused as unreadable; and turning or
// converting it does not change that.

#include "llm2clip/image.h"

#include "image/check_image.h"
#include "property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llm2clip;
  const std::span bytes(data, size);
  // Small, so that time goes into headers and not into pixels.
  const ReadOptions as_stored{.max_pixels = 1 << 14, .max_scans = 8, .keep_mode = true};
  const ReadOptions turned{.max_pixels = 1 << 14, .max_scans = 8, .apply_orientation = true};
  Image stored, rgb;
  const bool took = fuzz::takes(ErrorKind::unreadable_input,
                                [&] { stored = decode_image(bytes, "input", as_stored); });
  const bool took_turned =
      fuzz::takes(ErrorKind::unreadable_input, [&] { rgb = decode_image(bytes, "input", turned); });
  fuzz::property(took == took_turned, "options do not change what is readable");
  if (!took) return 0;
  check_image(stored);
  check_image(rgb);
  fuzz::property(rgb.mode == ImageMode::rgb, "images are RGB unless they are kept");
  fuzz::property(rgb.pixels.size() == to_rgb(stored).pixels.size(), "no pixel is lost");
  return 0;
}
