#pragma once

#include <cerrno>
#include <cstdint>
#include <span>
#include <string>

#include "llm2clip/image.h"

namespace llm2clip {

/// An image file in memory on its way to pixels: what every decoder of this folder is given.
struct Source {
  std::span<const std::uint8_t> bytes;
  const std::string& name;  ///< stands for the file in messages
  const ReadOptions& options;
  /// Where it goes how the image would be turned, for one that the options leave as it is.
  int* orientation = nullptr;

  bool reads_orientation() const { return options.apply_orientation || orientation != nullptr; }
};

/// Throws Error(unreadable_input, "<name>: <message>").
[[noreturn]] void refuse(const Source& source, const std::string& message);

/// Throws the error of a file that lacks its end. `what` is the format.
[[noreturn]] void refuse_truncated(const Source& source, const std::string& what);

/// Tells damage from a lack of memory, which codecs report alike: a malloc that fails sets errno.
/// To be made before the codec is called, in the thread that calls it.
class MallocWatch {
 public:
  MallocWatch() { errno = 0; }
  bool failed() const { return errno == ENOMEM; }
};

/// Throws std::bad_alloc unless there is room for the small pieces that a codec allocates. Some of
/// them libwebp and libtiff use without having looked whether they got them.
void check_small_memory();

/// refuse, or std::bad_alloc where memory was the reason.
[[noreturn]] void refuse_damaged(const Source& source, bool memory_failed, const char* message);

/// Throws unless an image of this size has pixels and is within max_pixels and max_side.
/// Every decoder calls this with the sizes in the header before a codec sees a byte.
void check_pixels(const Source& source, std::uint64_t width, std::uint64_t height);

/// Throws for a file of more bytes than ReadOptions::max_file_bytes.
void check_file_size(const std::string& name, std::uint64_t bytes, const ReadOptions& options);

/// a * b; throws Error(unreadable_input) where that does not fit. Sizes that come from a file are
/// multiplied here and nowhere else.
std::size_t checked_product(const Source& source, std::uint64_t a, std::uint64_t b);

/// Hands ReadOptions::reserve what the image takes until the network's square is made of it: the
/// file, the pixels with `codec_bytes` beside them, their conversion, the resize of them. To be
/// called before any of it is taken.
void reserve_memory(const Source& source, std::uint64_t width, std::uint64_t height, ImageMode mode,
                    std::uint64_t codec_bytes);

/// The image, turned where the options say so, or else as it is, the orientation told. For sources
/// whose orientation is read.
Image turned(const Source& source, Image image, int orientation);

/// An image of zeros. The size has passed check_pixels.
Image blank_image(const Source& source, std::uint64_t width, std::uint64_t height, ImageMode mode);

/// `image.pixels` from byte `row` * width * bytes_per_pixel on, one row.
std::span<std::uint8_t> row_of(Image& image, std::size_t row);

}  // namespace llm2clip
