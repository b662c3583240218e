#include "image/formats/encode_jpeg.h"

// clang-format off
#include <cstdio>  // jpeglib.h needs it first
#include <jpeglib.h>
// clang-format on

#include <csetjmp>
#include <cstdlib>
#include <memory>
#include <new>

#include "base/check.h"

namespace llm2clip {
namespace {

struct ErrorManager {
  jpeg_error_mgr base;
  std::jmp_buf jump;
};

[[noreturn]] void on_error(j_common_ptr info) {
  std::longjmp(reinterpret_cast<ErrorManager*>(info->err)->jump, 1);
}

void stay_silent(j_common_ptr) {}

// What libjpeg writes to: it takes memory by malloc.
struct Output {
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
};

// False where libjpeg gives up. Plain types only: longjmp runs no destructors.
bool write_rows(const std::uint8_t* pixels, int width, int height, int quality, Output& output) {
  jpeg_compress_struct info{};
  ErrorManager manager{};
  info.err = jpeg_std_error(&manager.base);
  manager.base.error_exit = on_error;
  manager.base.output_message = stay_silent;
  if (setjmp(manager.jump) != 0) {
    jpeg_destroy_compress(&info);
    return false;
  }
  jpeg_create_compress(&info);
  jpeg_mem_dest(&info, &output.bytes, &output.size);
  info.image_width = static_cast<JDIMENSION>(width);
  info.image_height = static_cast<JDIMENSION>(height);
  info.input_components = 3;
  info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  info.optimize_coding = TRUE;
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    const std::size_t at = std::size_t{info.next_scanline} * info.image_width * 3;
    JSAMPROW row = const_cast<JSAMPROW>(pixels + at);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  return true;
}

struct Free {
  void operator()(unsigned char* bytes) const { std::free(bytes); }
};

}  // namespace

std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality) {
  LLM2CLIP_CHECK(image.mode == ImageMode::rgb && image.width <= JPEG_MAX_DIMENSION &&
                 image.height <= JPEG_MAX_DIMENSION);
  Output output;
  const bool written = write_rows(image.pixels.data(), image.width, image.height, quality, output);
  const std::unique_ptr<unsigned char, Free> bytes(output.bytes);
  if (!written) throw std::bad_alloc();  // nothing else can go wrong
  return {bytes.get(), bytes.get() + output.size};
}

}  // namespace llm2clip
