#include <png.h>

#include <array>
#include <bit>
#include <csetjmp>
#include <cstring>
#include <new>
#include <optional>
#include <string>

#include "base/errors_only.h"
#include "image/check_image.h"
#include "image/image_rows.h"
#include "image/source.h"
#include "llm2clip/error.h"
#include "llm2clip/image.h"

namespace llm2clip {
namespace {

// Photographs of 336 pixels a side take 12 ms. zlib's own choice, 6, takes three times as long for
// 6 % fewer bytes.
constexpr int kCompression = 3;

struct PngKind {
  int color_type;
  int bits;
};

std::optional<PngKind> png_kind(ImageMode mode) {
  switch (mode) {
    case ImageMode::gray:
      return PngKind{PNG_COLOR_TYPE_GRAY, 8};
    case ImageMode::gray_alpha:
      return PngKind{PNG_COLOR_TYPE_GRAY_ALPHA, 8};
    case ImageMode::rgb:
      return PngKind{PNG_COLOR_TYPE_RGB, 8};
    case ImageMode::rgba:
      return PngKind{PNG_COLOR_TYPE_RGB_ALPHA, 8};
    case ImageMode::gray16:
      return PngKind{PNG_COLOR_TYPE_GRAY, 16};
    default:
      return std::nullopt;
  }
}

// What libpng writes to, and what it says when it gives up.
struct Output {
  std::vector<std::uint8_t> file;
  std::array<char, 128> message{};
  bool memory_failed = false;
};

bool append(Output& output, const std::uint8_t* bytes, std::size_t count) noexcept try {
  output.file.insert(output.file.end(), bytes, bytes + count);
  return true;
} catch (...) {
  output.memory_failed = true;
  return false;
}

// The exception has ended in append: libpng's jump passes over no destructor.
void write_bytes(png_structp png, png_bytep bytes, png_size_t count) {
  auto* output = static_cast<Output*>(png_get_io_ptr(png));
  if (!append(*output, bytes, count)) png_error(png, "memory does not suffice");
}

void flush_nothing(png_structp) {}

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  auto* output = static_cast<Output*>(png_get_error_ptr(png));
  std::strncpy(output->message.data(), message, output->message.size() - 1);
  png_longjmp(png, 1);
}

void stay_silent(png_structp, png_const_charp) {}

// False, with a message, where libpng gives up. Plain types only: longjmp runs no destructors.
bool write_rows(const ImageView& image, const PngKind& kind, const PixelRows& rows,
                Output& output) {
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &output, on_error, stay_silent);
  if (png == nullptr) return false;
  png_infop info = png_create_info_struct(png);
  if (info == nullptr || setjmp(png_jmpbuf(png)) != 0) {
    png_destroy_write_struct(&png, &info);
    return false;
  }
  png_set_write_fn(png, &output, write_bytes, flush_nothing);
  png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_compression_level(png, kCompression);
  png_set_IHDR(png, info, static_cast<png_uint_32>(image.width),
               static_cast<png_uint_32>(image.height), kind.bits, kind.color_type,
               PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  if (kind.bits == 16 && std::endian::native == std::endian::little) png_set_swap(png);
  if (image.channels == ChannelOrder::bgr) png_set_bgr(png);
  for (std::size_t y = 0; y < static_cast<std::size_t>(image.height); ++y) {
    png_write_row(png, rows[y]);
  }
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return true;
}

}  // namespace

std::vector<std::uint8_t> encode_png(const ImageView& image) try {
  check_image(image);
  const auto kind = png_kind(image.mode);
  if (!kind) {
    throw Error(ErrorKind::invalid_argument,
                "image: a PNG file is written of gray, 16-bit gray, RGB and of gray or RGB with "
                "alpha; call to_rgb first");
  }
  Output output;
  const MallocWatch watch;
  if (write_rows(image, *kind, rows_of(image), output)) return std::move(output.file);
  if (output.memory_failed || watch.failed()) throw std::bad_alloc();
  throw Error(ErrorKind::invalid_argument,
              "image: cannot be written as PNG: " + std::string(output.message.data()));
} catch (...) {
  rethrow_as_error("image");
}

}  // namespace llm2clip
