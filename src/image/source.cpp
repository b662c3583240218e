#include "image/source.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <new>
#include <utility>

#include "image/orientation.h"
#include "llm2clip/error.h"

namespace llm2clip {

void refuse(const Source& source, const std::string& message) {
  throw Error(ErrorKind::unreadable_input, source.name + ": " + message);
}

void refuse_truncated(const Source& source, const std::string& what) {
  refuse(source, "this " + what + " file lacks its end (" + std::to_string(source.bytes.size()) +
                     " bytes are there); fetch or write it again");
}

void check_pixels(const Source& source, std::uint64_t width, std::uint64_t height) {
  const std::string size = std::to_string(width) + "x" + std::to_string(height);
  if (width == 0 || height == 0) refuse(source, "the header says " + size + ", no pixels");
  // Divided, because the product may not fit.
  const std::uint64_t limit = source.options.max_pixels;
  if (height > limit / width) {
    std::string count;
    if (height <= std::numeric_limits<std::uint64_t>::max() / width) {
      count = " = " + std::to_string(width * height);
    }
    refuse(source, "has " + size + count + " pixels, limit " + std::to_string(limit) +
                       "; raise max_pixels if you trust the file");
  }
  const auto max_side = static_cast<std::uint64_t>(std::max(source.options.max_side, 0));
  if (width > max_side || height > max_side) {
    refuse(source, "has " + size + " pixels, limit " + std::to_string(max_side) +
                       " a side; raise max_side if you trust the file");
  }
}

void check_file_size(const std::string& name, std::uint64_t bytes, const ReadOptions& options) {
  if (bytes <= options.max_file_bytes) return;
  throw Error(ErrorKind::unreadable_input, name + ": has " + std::to_string(bytes) +
                                               " bytes, limit " +
                                               std::to_string(options.max_file_bytes) +
                                               "; raise max_file_bytes if you trust the file");
}

std::size_t checked_product(const Source& source, std::uint64_t a, std::uint64_t b) {
  // Half of the address space, so that pointers into it can be subtracted.
  constexpr std::uint64_t kLimit = std::numeric_limits<std::ptrdiff_t>::max();
  if (a != 0 && b > kLimit / a) refuse(source, "the header announces an impossible size");
  return static_cast<std::size_t>(a * b);
}

void check_small_memory() {
  // Below what malloc would give back to the system at once.
  constexpr std::size_t kCushion = 96 << 10;
  void* cushion = std::malloc(kCushion);
  if (cushion == nullptr) throw std::bad_alloc();
  // Not to be optimized away.
  asm volatile("" : : "r"(cushion) : "memory");
  std::free(cushion);
}

void refuse_damaged(const Source& source, bool memory_failed, const char* message) {
  if (memory_failed) throw std::bad_alloc();
  refuse(source, message);
}

namespace {

// Image.resize works on a copy of these: premultiplied, or in the machine's own type.
bool is_copied_by_resize(ImageMode mode) {
  return mode == ImageMode::gray_alpha || mode == ImageMode::rgba || mode == ImageMode::gray16 ||
         mode == ImageMode::int32 || mode == ImageMode::float32;
}

}  // namespace

void reserve_memory(const Source& source, std::uint64_t width, std::uint64_t height, ImageMode mode,
                    std::uint64_t codec_bytes) {
  if (!source.options.reserve) return;
  // What does not depend on the size: tables of codecs, pages of the heap, pages of code, of which
  // the kernel maps more or fewer around the one that is asked for.
  constexpr std::uint64_t kBesides = 768 << 10;
  constexpr std::uint64_t kRgbBytes = 3;
  const std::uint64_t count = checked_product(source, width, height);
  const std::uint64_t pixels = checked_product(source, count, bytes_per_pixel(mode));
  const std::uint64_t rgb = checked_product(source, count, kRgbBytes);
  const bool converted = !source.options.keep_mode && mode != ImageMode::rgb;
  // Two of them: turned by their orientation, or with the rows that were resized across.
  std::uint64_t after = 2 * (converted ? std::max(pixels, rgb) : pixels);
  if (converted) after = std::max(after, pixels + rgb);
  if (!converted && is_copied_by_resize(mode)) after += pixels;
  source.options.reserve(source.bytes.size() + kBesides + std::max(pixels + codec_bytes, after));
}

Image turned(const Source& source, Image image, int orientation) {
  if (source.options.apply_orientation) return apply_orientation(std::move(image), orientation);
  *source.orientation = orientation;
  return image;
}

Image blank_image(const Source& source, std::uint64_t width, std::uint64_t height, ImageMode mode) {
  check_pixels(source, width, height);
  Image image;
  image.width = static_cast<int>(width);
  image.height = static_cast<int>(height);
  image.mode = mode;
  const std::size_t bytes = checked_product(source, width * height, bytes_per_pixel(mode));
  image.pixels.resize(bytes);
  return image;
}

std::span<std::uint8_t> row_of(Image& image, std::size_t row) {
  const std::size_t bytes = static_cast<std::size_t>(image.width) * bytes_per_pixel(image.mode);
  return std::span(image.pixels).subspan(row * bytes, bytes);
}

}  // namespace llm2clip
