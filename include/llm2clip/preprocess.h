#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "llm2clip/export.h"
#include "llm2clip/image.h"

namespace llm2clip {

/// Which reference the way from an image to the network's pixels follows.
enum class PreprocessOrder {
  hf,           ///< transformers' CLIPImageProcessor: RGB first, crop offset rounded down
  torchvision,  ///< torchvision over Pillow: resize and crop in the stored mode, then RGB; crop
                ///< offset rounded half to even
};

/// Which pass of the resize comes first. The result is rounded between them, so pixels differ by
/// one or two levels. Named for the Pillow that has it; docs/numerics.md says which environment
/// that is.
enum class ResizePasses {
  pillow_11,    ///< up to 12.1: across, then down
  pillow_12_2,  ///< 12.2: down first where an image is over 100 times as high as wide and shrinks
  pillow_13,    ///< 13.0: down first where H - h > 0 and H - h > 2 * (W - w); 16-bit gray clipped
                ///< whole
};

/// What a vision tower expects of its pixels.
struct PreprocessOptions {
  int image_size = 224;                         ///< S: side of the square the network sees
  PreprocessOrder order = PreprocessOrder::hf;  ///< which reference is followed
  std::array<float, 3> mean = {0.48145466f, 0.4578275f, 0.40821073f};  ///< of RGB in 0..1
  std::array<float, 3> std = {0.26862954f, 0.26130258f, 0.27577711f};  ///< of RGB in 0..1
  ResizePasses resize_passes = ResizePasses::pillow_11;                ///< which Pillow resizes
};

/// What the network sees, as an image: shortest edge to S (Pillow's antialiased bicubic, to the
/// bit), the center S x S, RGB. Throws Error(invalid_argument) for an empty or inconsistent image.
LLM2CLIP_API Image resize_and_crop(const ImageView& image, const PreprocessOptions& options);

/// (value / 255 - mean) / std in float32, channels first, of images that are resized and cropped.
///
///   crops   (B, S, S, 3)  the pixels that resize_and_crop gives, one image after the other
///   pixels  (B, 3, S, S)
///
/// Throws Error(invalid_argument) when the two differ in size, or are no whole number of images.
LLM2CLIP_API void normalize_crops(std::span<const std::uint8_t> crops,
                                  const PreprocessOptions& options, std::span<float> pixels);

/// resize_and_crop, then (value / 255 - mean) / std in float32, channels first.
/// `pixels` receives 3 * S * S values: (3, S, S). Throws Error(invalid_argument) when it has
/// another size, and what resize_and_crop throws.
LLM2CLIP_API void preprocess(const ImageView& image, const PreprocessOptions& options,
                             std::span<float> pixels);

}  // namespace llm2clip
