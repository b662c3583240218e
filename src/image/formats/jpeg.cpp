// clang-format off
#include <cstdio>  // jpeglib.h needs it first
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include <csetjmp>
#include <new>

#include "image/formats/decoders.h"
#include "image/formats/jpeg_header.h"
#include "image/orientation.h"

namespace llm2clip {
namespace {

ImageMode mode_of(const JpegHeader& header) {
  if (header.components == 1) return ImageMode::gray;
  return header.components == 3 ? ImageMode::rgb : ImageMode::cmyk;
}

struct ErrorManager {
  jpeg_error_mgr base;
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void on_error(j_common_ptr info) {
  auto* manager = reinterpret_cast<ErrorManager*>(info->err);
  manager->base.format_message(info, manager->message);
  std::longjmp(manager->jump, 1);
}

void stay_silent(j_common_ptr) {}

// False, with a message in `manager`, for a file that libjpeg refuses. Plain types only: longjmp
// runs no destructors.
bool decode_rows(const std::uint8_t* bytes, std::size_t size, J_COLOR_SPACE color_space,
                 std::uint8_t* pixels, std::size_t width, std::size_t height, std::size_t row_bytes,
                 ErrorManager& manager) {
  jpeg_decompress_struct info{};
  info.err = jpeg_std_error(&manager.base);
  manager.base.error_exit = on_error;
  manager.base.output_message = stay_silent;
  manager.message[0] = '\0';
  if (setjmp(manager.jump) != 0) {  // before the first call that may fail for want of memory
    jpeg_destroy_decompress(&info);
    return false;
  }
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, const_cast<std::uint8_t*>(bytes), static_cast<unsigned long>(size));
  jpeg_read_header(&info, TRUE);
  info.out_color_space = color_space;
  jpeg_start_decompress(&info);
  const bool as_announced = info.output_width == width && info.output_height == height &&
                            static_cast<std::size_t>(info.output_components) * width == row_bytes;
  while (as_announced && info.output_scanline < info.output_height) {
    JSAMPROW row = pixels + info.output_scanline * row_bytes;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_destroy_decompress(&info);
  return as_announced;
}

void decode(const Source& source, const JpegHeader& header, Image& image) {
  const J_COLOR_SPACE color_space = header.components == 4   ? JCS_CMYK
                                    : header.components == 3 ? JCS_RGB
                                                             : JCS_GRAYSCALE;
  ErrorManager manager;
  const MallocWatch watch;
  if (!decode_rows(source.bytes.data(), header.end, color_space, image.pixels.data(), header.width,
                   header.height, row_of(image, 0).size(), manager)) {
    if (watch.failed() || manager.base.msg_code == JERR_OUT_OF_MEMORY) throw std::bad_alloc();
    refuse(source, "this JPEG file is damaged: " + std::string(manager.message));
  }
  if (image.mode == ImageMode::cmyk) {
    // JpegImagePlugin: "assume adobe conventions", whatever the file says.
    for (std::uint8_t& ink : image.pixels) ink = static_cast<std::uint8_t>(255 - ink);
  }
}

}  // namespace

Image decode_jpeg(const Source& source) {
  const JpegHeader header = read_jpeg_header(source);
  reserve_memory(source, header.width, header.height, mode_of(header), jpeg_codec_bytes(header));
  Image image = blank_image(source, header.width, header.height, mode_of(header));
  decode(source, header, image);
  if (!source.reads_orientation()) return image;
  return turned(source, std::move(image), orientation_of(header.exif, header.xmp));
}

}  // namespace llm2clip
