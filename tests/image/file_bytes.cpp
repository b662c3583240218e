#include "file_bytes.h"

// clang-format off
#include <cstdio>  // jpeglib.h needs it first
#include <jpeglib.h>
// clang-format on
#include <webp/encode.h>
#include <zlib.h>

#include <cstdlib>

#include "support/error.h"

namespace llm2clip::testing {
namespace {

Bytes number(std::uint32_t value, std::size_t size, bool big_endian) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[big_endian ? size - 1 - i : i] = static_cast<std::uint8_t>(value >> 8 * i);
  }
  return bytes;
}

Bytes deflated(const Bytes& data) {
  Bytes out(compressBound(static_cast<uLong>(data.size())));
  auto size = static_cast<uLongf>(out.size());
  REQUIRE(compress(out.data(), &size, data.data(), static_cast<uLong>(data.size())) == Z_OK);
  out.resize(size);
  return out;
}

Bytes tiff_entry(std::uint32_t tag, std::uint32_t value) {
  return le16(tag) + le16(4) + le32(1) + le32(value);
}

}  // namespace

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

Bytes le16(std::uint32_t value) { return number(value, 2, false); }
Bytes le32(std::uint32_t value) { return number(value, 4, false); }
Bytes be16(std::uint32_t value) { return number(value, 2, true); }
Bytes be32(std::uint32_t value) { return number(value, 4, true); }

std::uint32_t crc32_of(std::span<const std::uint8_t> bytes) {
  return static_cast<std::uint32_t>(crc32(0, bytes.data(), static_cast<uInt>(bytes.size())));
}

Bytes png_chunk(std::string_view kind, const Bytes& data) {
  const Bytes body = bytes_of(kind) + data;
  return be32(static_cast<std::uint32_t>(data.size())) + body + be32(crc32_of(body));
}

Bytes png_file(std::uint32_t width, std::uint32_t height, unsigned bits, unsigned color_type,
               bool with_data) {
  const unsigned channels = color_type == 2 ? 3 : color_type == 4 ? 2 : color_type == 6 ? 4 : 1;
  const std::size_t row = 1 + (std::size_t{width} * bits * channels + 7) / 8;
  Bytes file = bytes_of("\x89PNG\r\n\x1a\n") +
               png_chunk("IHDR", be32(width) + be32(height) +
                                     Bytes{static_cast<std::uint8_t>(bits),
                                           static_cast<std::uint8_t>(color_type), 0, 0, 0});
  if (color_type == 3) file = file + png_chunk("PLTE", {1, 2, 3, 4, 5, 6});
  return file + png_chunk("IDAT", deflated(Bytes(with_data ? row * height : 1))) +
         png_chunk("IEND", {});
}

Bytes jpeg_file(int width, int height, bool progressive) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);  // ends the program: there is nothing to go wrong
  jpeg_create_compress(&info);
  unsigned char* file = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &file, &size);
  info.image_width = static_cast<JDIMENSION>(width);
  info.image_height = static_cast<JDIMENSION>(height);
  info.input_components = 1;
  info.in_color_space = JCS_GRAYSCALE;
  jpeg_set_defaults(&info);
  if (progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  Bytes row(static_cast<std::size_t>(width));
  JSAMPROW pixels = row.data();
  while (info.next_scanline < info.image_height) jpeg_write_scanlines(&info, &pixels, 1);
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  const Bytes result(file, file + size);
  std::free(file);
  return result;
}

Bytes webp_file(int width, int height) {
  const Bytes pixels(static_cast<std::size_t>(width * height * 3));
  std::uint8_t* file = nullptr;
  const std::size_t size = WebPEncodeLosslessRGB(pixels.data(), width, height, 3 * width, &file);
  const Bytes result(file, file + size);
  WebPFree(file);
  return result;
}

Bytes tiff_file(std::uint32_t width, std::uint32_t height, const Bytes& pixels) {
  constexpr std::uint32_t kEntries = 9;
  constexpr std::uint32_t kPixelsAt = 8 + 2 + 12 * kEntries + 4;
  return bytes_of("II*") + Bytes{0} + le32(8) + le16(kEntries) + tiff_entry(256, width) +
         tiff_entry(257, height) + tiff_entry(258, 8) + tiff_entry(259, 1) + tiff_entry(262, 1) +
         tiff_entry(273, kPixelsAt) + tiff_entry(277, 1) + tiff_entry(278, height) +
         tiff_entry(279, static_cast<std::uint32_t>(pixels.size())) + le32(0) + pixels;
}

Bytes bmp_file(std::uint32_t width, std::uint32_t height, const Bytes& rows) {
  return bytes_of("BM") + le32(static_cast<std::uint32_t>(54 + rows.size())) + le32(0) + le32(54) +
         le32(40) + le32(width) + le32(height) + le16(1) + le16(24) + le32(0) +
         le32(static_cast<std::uint32_t>(rows.size())) + le32(0) + le32(0) + le32(0) + le32(0) +
         rows;
}

Bytes gif_file(std::uint32_t canvas_width, std::uint32_t canvas_height) {
  // The codes are those of giflib's documentation for a small image: clear, colors, end.
  const Bytes palette = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 9};
  const Bytes codes = {0x8c, 0x2d, 0x99, 0x87, 0x2a, 0x1c, 0xdc, 0x33, 0xa0, 0x02, 0x05, 0x00};
  return bytes_of("GIF89a") + le16(canvas_width) + le16(canvas_height) + Bytes{0x81, 0, 0} +
         palette + bytes_of(",") + le16(0) + le16(0) + le16(4) + le16(4) + Bytes{0, 2} +
         Bytes{static_cast<std::uint8_t>(codes.size())} + codes + Bytes{0} + bytes_of(";");
}

Image synthetic_image(int width, int height) {
  Image image;
  image.width = width;
  image.height = height;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (const int value : {7 * x + 3 * y, x * x + y, x ^ y}) {
        image.pixels.push_back(static_cast<std::uint8_t>(value & 255));
      }
    }
  }
  return image;
}

Image image_of(ImageMode mode, int width, int height, const Bytes& pixels) {
  Image image;
  image.width = width;
  image.height = height;
  image.mode = mode;
  image.pixels = pixels;
  return image;
}

std::string refusal_of(const Bytes& file, const ReadOptions& options) {
  const Error error = error_of([&] { decode_image(file, "file", options); });
  CHECK(error.kind() == ErrorKind::unreadable_input);
  const std::string message = error.what();
  CHECK(message.starts_with("file: "));
  CHECK(message.find('\n') == std::string::npos);
  return message;
}

}  // namespace llm2clip::testing
