#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "llm2clip/export.h"
#include "llm2clip/from_string.h"

namespace llm2clip {

/// How the samples of an Image are laid out. Each is one of Pillow's modes, named in brackets.
enum class ImageMode {
  bilevel,     ///< one byte a pixel, 0 or 255 ("1")
  gray,        ///< one byte a pixel ("L")
  gray_alpha,  ///< gray, alpha ("LA")
  palette,     ///< one byte a pixel, an index into Image::palette ("P")
  rgb,         ///< red, green, blue ("RGB")
  rgba,        ///< red, green, blue, alpha ("RGBA")
  cmyk,        ///< cyan, magenta, yellow, black; 255 is full ink ("CMYK")
  gray16,      ///< uint16 in the machine's byte order ("I;16")
  int32,       ///< int32 in the machine's byte order ("I")
  float32,     ///< float32 in the machine's byte order ("F")
};

/// "bilevel" and so on, as the enumerators are spelled.
LLM2CLIP_API const char* to_string(ImageMode mode);
template <>
LLM2CLIP_API ImageMode from_string(std::string_view name);  ///< of that name

/// Bytes of one pixel in `mode`.
LLM2CLIP_API std::size_t bytes_per_pixel(ImageMode mode);

/// In which order the bytes of a color lie.
enum class ChannelOrder {
  rgb,  ///< red first
  bgr,  ///< blue first: OpenCV's and Windows'
};

/// Pixels that belong to someone else: a frame of a camera, a part of a larger image, a matrix of
/// OpenCV (llm2clip/opencv.h). Every function that looks at pixels takes a view, and an Image
/// becomes one by itself. Nothing is copied, and the pixels must live while the view is used.
///
///   const llm2clip::ImageView frame{.pixels = camera_bytes,
///                                   .width = 640,
///                                   .height = 480,
///                                   .stride = 2048,
///                                   .channels = llm2clip::ChannelOrder::bgr};
///   const llm2clip::Image seen = llm2clip::resize_and_crop(frame, {.image_size = 224});
struct ImageView {
  /// From the first byte of the rows to the last: what lies behind the last pixel may be missing.
  std::span<const std::uint8_t> pixels = {};
  int width = 0;   ///< pixels
  int height = 0;  ///< pixels
  /// Bytes from one row to the next. Below 0: the rows lie from bottom to top. 0: one after the
  /// other without padding, and `pixels` has exactly their bytes.
  std::ptrdiff_t stride = 0;
  ImageMode mode = ImageMode::rgb;             ///< what `pixels` holds
  ChannelOrder channels = ChannelOrder::rgb;   ///< of rgb and rgba; means nothing in other modes
  std::span<const std::uint8_t> palette = {};  ///< RGB triples, only with ImageMode::palette
};

/// An image in memory: rows from top to bottom without padding between them.
///
/// Programs that have pixels of their own fill `width`, `height` and `pixels` (RGB) and leave the
/// rest alone. The other modes exist because models with the torchvision order resize an image
/// before they convert it to RGB.
struct Image {
  int width = 0;                           ///< pixels
  int height = 0;                          ///< pixels
  ImageMode mode = ImageMode::rgb;         ///< what `pixels` holds
  std::vector<std::uint8_t> pixels = {};   ///< height * width * bytes_per_pixel(mode) bytes
  std::vector<std::uint8_t> palette = {};  ///< RGB triples, only with ImageMode::palette

  /// Its pixels without a copy, usable while the image lives and stays as it is.
  operator ImageView() const noexcept {
    return {.pixels = pixels, .width = width, .height = height, .mode = mode, .palette = palette};
  }
};

/// What read_image and decode_image accept, and what they leave as it is.
struct ReadOptions {
  /// Images whose header announces more pixels are refused before they are decoded. The default
  /// is the size above which Pillow warns of a decompression bomb.
  std::uint64_t max_pixels = 89'478'485;
  /// Images with a longer side are refused. Pillow has no such limit; JPEG and GIF cannot exceed
  /// the default.
  int max_side = 65'535;
  /// Files larger than this are refused before they are read. Bytes.
  std::uint64_t max_file_bytes = 256ull << 20;
  /// JPEGs with more scans are refused: a small file of many scans takes hours.
  int max_scans = 100;
  /// So are JPEGs whose scans times pixels are more, because each scan may pass over all of them. A
  /// progressive file of a camera has 10 scans.
  std::uint64_t max_scan_pixels = 4'000'000'000;
  /// Turn the image as its EXIF orientation says. Off, because the reference ignores it.
  bool apply_orientation = false;
  /// Keep the mode the file is stored in (what Pillow's open gives) instead of converting to RGB.
  /// Changes no pixel for models of the `hf` order; models of the `torchvision` order need it.
  bool keep_mode = false;
  /// Called before memory is taken, with the bytes that are needed from then on: once with the size
  /// of the file, where one is read, and once the header was found good with all that the file, its
  /// decoder, the pixels and their resize may take (but for the resized image). The second number
  /// includes the first. A program that reads many images at once waits in here for its turn. What
  /// it throws leaves the call.
  std::function<void(std::uint64_t bytes)> reserve = {};
};

/// Reads a JPEG, PNG, WebP, BMP, TIFF or GIF (first frame) file to the pixels that Pillow's
/// `Image.open(path).convert("RGB")` gives. The format is found by content, not by name.
/// Throws Error(unreadable_input) naming the file, a truncated one too, or Error(out_of_memory).
LLM2CLIP_API Image read_image(const std::filesystem::path& path, const ReadOptions& options = {});

/// The same for a file already in memory. `name` stands for it in error messages.
LLM2CLIP_API Image decode_image(std::span<const std::uint8_t> bytes, const std::string& name,
                                const ReadOptions& options = {});

/// A copy that owns its pixels: rows without padding, red first, the same mode. Throws
/// Error(invalid_argument) for a view whose size and pixels disagree.
LLM2CLIP_API Image to_image(const ImageView& image);

/// Pillow's `convert("RGB")`: alpha is dropped, 16-bit gray saturates at 255. Throws
/// Error(invalid_argument) for an image whose size and pixels disagree.
LLM2CLIP_API Image to_rgb(const ImageView& image);

/// The bytes of a PNG file, from which read_image gives the same pixels: of the modes gray,
/// gray_alpha, rgb, rgba and gray16. Throws Error(invalid_argument) for another mode or an image
/// whose size and pixels disagree.
LLM2CLIP_API std::vector<std::uint8_t> encode_png(const ImageView& image);

}  // namespace llm2clip
