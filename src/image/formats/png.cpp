#include <png.h>

#include <algorithm>
#include <array>
#include <bit>
#include <csetjmp>
#include <cstring>
#include <new>
#include <string_view>
#include <vector>

#include "image/formats/byte_reader.h"
#include "image/formats/decoders.h"
#include "image/formats/png_orientation.h"
#include "image/samples.h"

namespace llm2clip {
namespace {

constexpr std::size_t kSignatureBytes = 8;
struct Header {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  unsigned bits = 0;
  unsigned color_type = 0;
  ImageMode mode = ImageMode::gray;
  std::uint64_t data_bytes = 0;  // of all IDAT chunks
  bool interlaced = false;
  std::span<const std::uint8_t> palette;
};

std::uint32_t big_endian_32(const std::uint8_t* bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
         std::uint32_t{bytes[2]} << 8 | bytes[3];
}

// PngImagePlugin._MODES.
ImageMode mode_of(const Source& source, const Header& header) {
  switch (header.bits << 8 | header.color_type) {
    case 0x0100:
      return ImageMode::bilevel;
    case 0x0200:
    case 0x0400:
    case 0x0800:
      return ImageMode::gray;
    case 0x1000:
      return ImageMode::gray16;
    case 0x0802:
    case 0x1002:
      return ImageMode::rgb;
    case 0x0103:
    case 0x0203:
    case 0x0403:
    case 0x0803:
      return ImageMode::palette;
    case 0x0804:
      return ImageMode::gray_alpha;
    case 0x1004:  // "LA;16B->LA not yet available"
    case 0x0806:
    case 0x1006:
      return ImageMode::rgba;
    default:
      refuse(source, "this PNG file has " + std::to_string(header.bits) + " bits of color type " +
                         std::to_string(header.color_type));
  }
}

unsigned channels_of(unsigned color_type) {
  constexpr std::array<unsigned, 7> kChannels = {1, 0, 3, 1, 2, 0, 4};
  return kChannels[color_type];
}

void read_ihdr(const Source& source, std::span<const std::uint8_t> data, Header& header) {
  if (data.size() < 13) refuse(source, "this PNG file has a header chunk that is too short");
  header.width = big_endian_32(&data[0]);
  header.height = big_endian_32(&data[4]);
  header.bits = data[8];
  header.color_type = data[9];
  check_pixels(source, header.width, header.height);
  header.mode = mode_of(source, header);
  if (data[10] != 0 || data[11] != 0 || data[12] > 1) {
    refuse(source, "this PNG file has an unknown way of compressing, filtering or interlacing");
  }
  header.interlaced = data[12] == 1;
}

void read_chunk(const Source& source, std::string_view kind, std::span<const std::uint8_t> data,
                Header& header) {
  if (kind == "IHDR") read_ihdr(source, data, header);
  if (kind == "PLTE" && header.data_bytes == 0)
    header.palette = data;  // later ones count for nobody
  if (kind == "IDAT") header.data_bytes += data.size();
}

std::size_t row_bits(const Source& source, const Header& header) {
  return checked_product(source, header.width,
                         std::uint64_t{channels_of(header.color_type)} * header.bits);
}

// Deflate makes at most 258 bytes of two bits.
void check_data(const Source& source, const Header& header) {
  constexpr std::uint64_t kMaxRatio = 1032;
  const std::uint64_t pixel_bytes =
      checked_product(source, row_bits(source, header), header.height) / 8;
  if (pixel_bytes / kMaxRatio > header.data_bytes) {
    refuse(source, "this PNG file has " + std::to_string(header.data_bytes) +
                       " bytes of pixels, too few for its size; fetch or write it again");
  }
}

// Walks the chunks to IEND.
Header read_header(const Source& source) {
  Header header;
  ByteReader reader(source, "PNG");
  reader.take(kSignatureBytes);
  for (bool first = true, ended = false; !ended; first = false) {
    const std::uint32_t length = reader.be32();
    const auto name = reader.take(4);
    const std::string_view kind(reinterpret_cast<const char*>(name.data()), name.size());
    if (first != (kind == "IHDR")) refuse(source, "this PNG file does not start with one header");
    const auto data = reader.take(length);
    reader.take(4);  // the CRC, which libpng looks at where the chunk makes pixels
    read_chunk(source, kind, data, header);
    ended = kind == "IEND";
  }
  check_data(source, header);
  return header;
}

// What libpng reads from: the signature and the chunks that make the pixels. It would parse color
// profiles and texts that the reference ignores.
struct Input {
  const std::uint8_t* bytes;
  std::size_t size;
  std::size_t position;
  std::size_t left;  // of the chunk at `position`
};

bool makes_pixels(const std::uint8_t* kind) {
  constexpr std::array<const char*, 4> kKinds = {"IHDR", "PLTE", "IDAT", "IEND"};
  return std::any_of(kKinds.begin(), kKinds.end(),
                     [&](const char* known) { return std::memcmp(kind, known, 4) == 0; });
}

// Goes to the next chunk for libpng; false at the end of the file.
bool next_chunk(Input& input) {
  while (input.size - input.position >= 12) {
    const std::uint8_t* chunk = input.bytes + input.position;
    const std::size_t size = std::size_t{12} + big_endian_32(chunk);
    if (size > input.size - input.position) return false;
    input.left = size;
    if (makes_pixels(chunk + 4)) return true;
    input.position += size;
  }
  return false;
}

void read_bytes(png_structp png, png_bytep target, png_size_t count) {
  auto* input = static_cast<Input*>(png_get_io_ptr(png));
  // libpng never reads over the end of a chunk in one step.
  if (input->left == 0 && !next_chunk(*input)) png_error(png, "unexpected end");
  if (count > input->left) png_error(png, "unexpected end");
  std::memcpy(target, input->bytes + input->position, count);
  input->position += count;
  input->left -= count;
}

constexpr std::size_t kMessageBytes = 128;

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  auto* kept = static_cast<char*>(png_get_error_ptr(png));
  std::strncpy(kept, message, kMessageBytes - 1);
  png_longjmp(png, 1);
}

void stay_silent(png_structp, png_const_charp) {}

void unpack_gray16(std::span<const std::uint8_t> row, std::span<std::uint8_t> out) {
  for (std::size_t i = 0; i < row.size(); i += 2) {
    store_sample(&out[i], static_cast<std::uint16_t>(row[i] << 8 | row[i + 1]));
  }
}

// Unpack.c: of 16-bit color the high byte counts; gray with alpha becomes RGBA.
void unpack_high_bytes(std::span<const std::uint8_t> row, unsigned channels,
                       std::span<std::uint8_t> out) {
  if (channels != 2) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = row[2 * i];
    return;
  }
  for (std::size_t i = 0; i < out.size(); i += 4) {
    out[i] = out[i + 1] = out[i + 2] = row[i];
    out[i + 3] = row[i + 2];
  }
}

void unpack_row(std::span<const std::uint8_t> row, const Header& header,
                std::span<std::uint8_t> out) {
  if (header.mode == ImageMode::gray16) return unpack_gray16(row, out);
  if (header.bits == 16) return unpack_high_bytes(row, channels_of(header.color_type), out);
  if (header.bits == 8) {
    std::copy(row.begin(), row.end(), out.begin());
    return;
  }
  unpack_bits(row, header.bits, out);
  if (header.mode == ImageMode::palette) return;
  for (std::uint8_t& gray : out) gray = static_cast<std::uint8_t>(gray * gray_scale(header.bits));
}

// Where the rows go as they are stored, `bytes` each: one below the other, or all to the same place
// where each is unpacked at once.
struct StoredRows {
  std::uint8_t* first;
  std::size_t bytes;
  std::size_t step;
};

// No transformation but the filters and Adam7. False, with a message, for a file that libpng
// refuses. Plain types only: longjmp runs no destructors.
bool read_rows(Input input, const Header& header, const StoredRows& rows, Image& image,
               char* message) {
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, message, on_error, stay_silent);
  if (png == nullptr) return false;
  png_infop info = png_create_info_struct(png);
  if (info == nullptr || setjmp(png_jmpbuf(png)) != 0) {
    png_destroy_read_struct(&png, &info, nullptr);
    return false;
  }
  png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  // Some programs announce a smaller window than their data needs. zlib alone, and so Pillow, does
  // not mind.
  png_set_option(png, PNG_MAXIMUM_INFLATE_WINDOW, PNG_OPTION_ON);
  png_set_read_fn(png, &input, read_bytes);
  png_read_info(png, info);
  const int passes = png_set_interlace_handling(png);
  png_read_update_info(png, info);
  const bool as_announced = png_get_rowbytes(png, info) == rows.bytes;
  for (int pass = 0; as_announced && pass < passes; ++pass) {
    for (std::uint32_t y = 0; y < header.height; ++y) {
      png_bytep row = rows.first + y * rows.step;
      png_read_row(png, row, nullptr);
      if (rows.step == 0) unpack_row({row, rows.bytes}, header, row_of(image, y));
    }
  }
  png_destroy_read_struct(&png, &info, nullptr);
  return as_announced;
}

// Rows of bytes are the image's. Others need a place of their own: each until it is unpacked, or,
// where the passes of Adam7 fill them bit by bit, all of them.
std::size_t rows_beside(const Header& header) {
  if (header.bits == 8) return 0;
  return header.interlaced ? header.height : 1;
}

void read_pixels(const Source& source, const Header& header, std::size_t row_bytes, Image& image) {
  const std::size_t beside = rows_beside(header);
  std::vector<std::uint8_t> samples(checked_product(source, row_bytes, beside));
  const StoredRows rows{beside == 0 ? image.pixels.data() : samples.data(), row_bytes,
                        beside == 1 && !header.interlaced ? 0 : row_bytes};
  std::array<char, kMessageBytes> message{};
  const Input input{source.bytes.data(), source.bytes.size(), 0, kSignatureBytes};
  const MallocWatch watch;
  if (!read_rows(input, header, rows, image, message.data())) {
    if (watch.failed()) throw std::bad_alloc();
    refuse(source, "this PNG file is damaged: " + std::string(message.data()));
  }
  if (beside == 0 || rows.step == 0) return;
  for (std::size_t y = 0; y < header.height; ++y) {
    unpack_row(std::span(samples).subspan(y * row_bytes, row_bytes), header, row_of(image, y));
  }
}

// libpng's two rows, and zlib's window; texts that are looked at for their orientation.
std::uint64_t codec_bytes(const Source& source, const Header& header, std::size_t row_bytes) {
  constexpr std::uint64_t kZlib = 64 << 10;
  constexpr std::uint64_t kTexts = 4 << 20;
  return kZlib + 3 * (std::uint64_t{row_bytes} + 64) +
         checked_product(source, row_bytes, rows_beside(header)) +
         (source.reads_orientation() ? kTexts : 0);
}

}  // namespace

Image decode_png(const Source& source) {
  const Header header = read_header(source);
  const std::size_t bits = row_bits(source, header);
  const std::size_t row_bytes = bits / 8 + (bits % 8 != 0);
  reserve_memory(source, header.width, header.height, header.mode,
                 codec_bytes(source, header, row_bytes));
  Image image = blank_image(source, header.width, header.height, header.mode);
  if (header.mode == ImageMode::palette) {
    image.palette.assign(header.palette.begin(), header.palette.end());
  }
  read_pixels(source, header, row_bytes, image);
  if (!source.reads_orientation()) return image;
  return turned(source, std::move(image), png_orientation(source.bytes));
}

}  // namespace llm2clip
