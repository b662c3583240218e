#include <tiffio.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "image/formats/decoders.h"
#include "image/formats/tiff_header.h"
#include "image/orientation.h"
#include "image/samples.h"

// Before 4.5 libtiff's messages can only be silenced for the whole process.
static_assert(TIFFLIB_VERSION >= 20221213, "libtiff 4.5 or newer is needed");

namespace llm2clip {
namespace {

constexpr std::uint64_t kYcbcr = 6, kJpeg = 7;

// Fax and JPEG: damage is a warning, and what comes out depends on the library's version.
bool invents_pixels(std::uint64_t compression) {
  return (compression >= 2 && compression <= 4) || compression == kJpeg;
}

bool is_deflate(std::uint64_t compression) { return compression == 8 || compression == 32946; }

// The file in memory, as libtiff wants to see files.
struct Stream {
  std::span<const std::uint8_t> bytes;
  std::uint64_t position = 0;
  bool error = false;  // reported by libtiff
  bool warning = false;
};

tmsize_t read_stream(thandle_t handle, void* target, tmsize_t count) {
  auto* stream = static_cast<Stream*>(handle);
  const std::uint64_t size = stream->bytes.size();
  if (count <= 0 || stream->position >= size) return 0;
  const auto taken = static_cast<std::size_t>(
      std::min<std::uint64_t>(static_cast<std::uint64_t>(count), size - stream->position));
  std::memcpy(target, stream->bytes.data() + stream->position, taken);
  stream->position += taken;
  return static_cast<tmsize_t>(taken);
}

tmsize_t refuse_write(thandle_t, void*, tmsize_t) { return 0; }

toff_t seek_stream(thandle_t handle, toff_t offset, int whence) {
  auto* stream = static_cast<Stream*>(handle);
  if (whence == SEEK_CUR) offset += stream->position;
  if (whence == SEEK_END) offset += stream->bytes.size();
  stream->position = offset;
  return offset;
}

int close_stream(thandle_t) { return 0; }

toff_t size_stream(thandle_t handle) { return static_cast<Stream*>(handle)->bytes.size(); }

// libtiff reports damage in fax and JPEG data and goes on with pixels of its own invention. The
// result says that the handler of the process, which prints, is not to be called.
int note(TIFF*, void* noted, const char*, const char*, va_list) {
  *static_cast<bool*>(noted) = true;
  return 1;
}

using Tiff = std::unique_ptr<TIFF, decltype(&TIFFClose)>;

Tiff open(const Source& source, const TiffHeader& header, Stream& stream) {
  const MallocWatch watch;
  const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> options(
      TIFFOpenOptionsAlloc(), TIFFOpenOptionsFree);
  if (options == nullptr) throw std::bad_alloc();
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), note, &stream.error);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), note, &stream.warning);
  // No tag needs more than the file, and no strip or tile more than its pixels.
  constexpr std::size_t kSlack = 1 << 20;
  const std::size_t block =
      checked_product(source, block_row_bytes(source, header), header.block_height);
  TIFFOpenOptionsSetMaxSingleMemAlloc(
      options.get(), static_cast<tmsize_t>(std::max(source.bytes.size(), block) + kSlack));
  // "m": no memory mapping, all reads go through read_stream. "c": strips as the file has them.
  Tiff tiff(TIFFClientOpenExt("", "rmc", &stream, read_stream, refuse_write, seek_stream,
                              close_stream, size_stream, nullptr, nullptr, options.get()),
            TIFFClose);
  if (tiff == nullptr) refuse_damaged(source, watch.failed(), "this TIFF file is damaged");
  // A tag that could not be kept for want of memory may be one that makes the pixels. Other
  // complaints are about tags that Pillow does not mind either.
  if ((stream.error || stream.warning) && watch.failed()) throw std::bad_alloc();
  return tiff;
}

// Samples of less than a byte, which stand for levels or for indices.
void unpack_small_samples(std::span<const std::uint8_t> row, const TiffLayout& layout,
                          std::span<std::uint8_t> out) {
  unpack_bits(row, layout.bits, out);
  if (layout.mode == ImageMode::palette) return;
  for (std::uint8_t& gray : out) gray = static_cast<std::uint8_t>(gray * gray_scale(layout.bits));
}

// Of several bytes or words a pixel those that the mode has; of a word the high byte.
void unpack_channels(std::span<const std::uint8_t> row, const TiffLayout& layout,
                     std::span<std::uint8_t> out) {
  const std::size_t channels = bytes_per_pixel(layout.mode);
  const std::size_t sample_bytes = layout.bits / 8;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t at = (i / channels * layout.samples + i % channels) * sample_bytes;
    out[i] = sample_bytes == 1
                 ? row[at]
                 : static_cast<std::uint8_t>(load_sample<std::uint16_t>(&row[at]) >> 8);
  }
}

// Unpack.c: unpackRGBa. Unlike after a resize, nothing stays where alpha is 0.
void unpremultiply_row(std::span<std::uint8_t> out) {
  for (std::size_t i = 0; i < out.size(); i += 4) {
    const std::uint8_t alpha = out[i + 3];
    for (std::size_t c = 0; c < 3; ++c) {
      out[i + c] = alpha == 0 ? std::uint8_t{0} : unpremultiply(out[i + c], alpha);
    }
  }
}

// The samples of one row, in the byte order of the machine, become those of the mode.
void unpack_row(std::span<const std::uint8_t> row, const TiffLayout& layout,
                std::span<std::uint8_t> out) {
  if (layout.bits < 8) {
    unpack_small_samples(row, layout, out);
  } else if (layout.bits == 16 && layout.mode == ImageMode::int32) {
    for (std::size_t i = 0; i < out.size() / 4; ++i) {
      store_sample<std::int32_t>(&out[4 * i], load_sample<std::int16_t>(&row[2 * i]));
    }
  } else if (layout.samples == 1) {
    std::copy_n(row.begin(), out.size(), out.begin());
  } else {
    unpack_channels(row, layout, out);
  }
  if (layout.invert) {
    for (std::uint8_t& gray : out) gray = static_cast<std::uint8_t>(255 - gray);
  }
  if (layout.premultiplied) unpremultiply_row(out);
}

// A strip or tile of the file and the part of the image it covers.
struct Block {
  std::size_t left, top, width, height;  // cut at the right and bottom of the image
  std::size_t stored_width;
};

void unpack_block(std::span<const std::uint8_t> samples, const Block& block,
                  const TiffLayout& layout, Image& image) {
  const std::size_t row_bits = block.stored_width * layout.bits * layout.samples;
  const std::size_t row_bytes = (row_bits + 7) / 8;
  const std::size_t pixel_bytes = bytes_per_pixel(layout.mode);
  for (std::size_t y = 0; y < block.height; ++y) {
    unpack_row(
        samples.subspan(y * row_bytes, row_bytes), layout,
        row_of(image, block.top + y).subspan(block.left * pixel_bytes, block.width * pixel_bytes));
  }
}

// Reads strip or tile `index` into `buffer`, of which `needed` bytes must come.
void read_block(const Source& source, TIFF* tiff, std::uint32_t index, std::size_t needed,
                std::vector<std::uint8_t>& buffer) {
  const auto size = static_cast<tmsize_t>(buffer.size());
  const MallocWatch watch;
  const tmsize_t read = TIFFIsTiled(tiff) != 0
                            ? TIFFReadEncodedTile(tiff, index, buffer.data(), size)
                            : TIFFReadEncodedStrip(tiff, index, buffer.data(), size);
  if (read < 0 || static_cast<std::size_t>(read) < needed) {
    refuse_damaged(source, watch.failed(), "this TIFF file is damaged or lacks pixels");
  }
}

void read_blocks(const Source& source, const TiffHeader& header, TIFF* tiff, Image& image) {
  const auto block_width = static_cast<std::size_t>(header.block_width);
  const auto block_height = static_cast<std::size_t>(header.block_height);
  const std::size_t row_bytes = block_row_bytes(source, header);
  std::vector<std::uint8_t> buffer(checked_product(source, row_bytes, block_height));
  if (static_cast<tmsize_t>(buffer.size()) !=
      (header.tiled ? TIFFTileSize(tiff) : TIFFStripSize(tiff))) {
    refuse(source, "this TIFF file is damaged: its blocks have an unexpected size");
  }

  std::uint32_t index = 0;
  for (std::size_t top = 0; top < header.height; top += block_height) {
    const std::size_t height = std::min<std::size_t>(block_height, header.height - top);
    for (std::size_t left = 0; left < header.width; left += block_width) {
      const std::size_t width = std::min<std::size_t>(block_width, header.width - left);
      read_block(source, tiff, index++, (header.tiled ? block_height : height) * row_bytes, buffer);
      unpack_block(buffer, {left, top, width, height, block_width}, header.layout, image);
    }
  }
}

// libtiff takes the first of two equal tags, Pillow and read_header the last.
void check_agreement(const Source& source, const TiffHeader& header, TIFF* tiff) {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &width);
  TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &height);
  const auto field = [&](std::uint32_t tag) {
    std::uint16_t value = 0;
    TIFFGetFieldDefaulted(tiff, tag, &value);
    return std::uint64_t{value};
  };
  std::uint32_t tile_width = 0;
  if (header.tiled) TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &tile_width);
  if (width != header.width || height != header.height ||
      header.tiled != (TIFFIsTiled(tiff) != 0) ||
      (header.tiled && tile_width != header.block_width) ||
      field(TIFFTAG_BITSPERSAMPLE) != header.layout.bits ||
      field(TIFFTAG_SAMPLESPERPIXEL) != header.layout.samples ||
      field(TIFFTAG_COMPRESSION) != header.compression ||
      field(TIFFTAG_FILLORDER) != header.fill_order) {
    refuse(source, "this TIFF file is damaged: its tags contradict each other");
  }
}

// The bits of each byte in the other order.
void reverse_bits(std::span<std::uint8_t> bytes) {
  for (std::uint8_t& byte : bytes) {
    unsigned reversed = 0;
    for (unsigned bit = 0; bit < 8; ++bit) reversed |= (byte >> bit & 1u) << (7 - bit);
    byte = static_cast<std::uint8_t>(reversed);
  }
}

void swap_bytes(std::span<std::uint8_t> bytes, std::size_t sample_bytes) {
  for (std::size_t i = 0; i + sample_bytes <= bytes.size(); i += sample_bytes) {
    std::reverse(&bytes[i], &bytes[i] + sample_bytes);
  }
}

// A stored row to the samples that libtiff would give.
void make_native(std::span<std::uint8_t> row, const TiffHeader& header) {
  if (header.fill_order == 2) reverse_bits(row);
  const bool foreign = header.big_endian != (std::endian::native == std::endian::big);
  if (header.layout.bits > 8 && foreign) swap_bytes(row, header.layout.bits / 8);
}

// What is not compressed Pillow reads without libtiff: odd tags and wrong counts do not reach it.
void read_raw(const Source& source, const TiffHeader& header, Image& image) {
  const std::size_t pixel_bytes = bytes_per_pixel(header.layout.mode);
  std::vector<std::uint8_t> row(block_row_bytes(source, header));
  std::size_t index = 0;
  for (std::size_t top = 0; top < header.height; top += header.block_height) {
    const std::size_t bottom = std::min<std::size_t>(top + header.block_height, header.height);
    for (std::size_t left = 0; left < header.width; left += header.block_width, ++index) {
      const std::size_t stride = raw_row_stride(source, header, left);
      const auto stored = std::span(row).first(raw_row_bytes(source, header, left));
      const std::size_t width = std::min<std::size_t>(header.block_width, header.width - left);
      for (std::size_t y = top; y < bottom; ++y) {
        const std::uint64_t at = header.offsets[index] + (y - top) * stride;
        std::memcpy(stored.data(), source.bytes.data() + at, stored.size());
        make_native(stored, header);
        unpack_row(stored, header.layout,
                   row_of(image, y).subspan(left * pixel_bytes, width * pixel_bytes));
      }
    }
  }
}

void read_packed(const Source& source, const TiffHeader& header, Image& image) {
  check_small_memory();
  Stream stream{source.bytes};
  const Tiff tiff = open(source, header, stream);
  check_agreement(source, header, tiff.get());
  if (header.compression == kJpeg && header.photometric == kYcbcr) {
    TIFFSetField(tiff.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
  }
  if (is_deflate(header.compression)) {
    // libdeflate, where libtiff has it, leaves the last bytes of a strip with a wrong checksum out.
    TIFFSetField(tiff.get(), TIFFTAG_DEFLATE_SUBCODEC, DEFLATE_SUBCODEC_ZLIB);
  }
  stream.error = false;  // of tags that say nothing about pixels, and of unknown ones
  stream.warning = false;
  const MallocWatch watch;
  read_blocks(source, header, tiff.get(), image);
  if (stream.error || (stream.warning && invents_pixels(header.compression))) {
    refuse_damaged(source, watch.failed(), "this TIFF file is damaged");
  }
}

// A strip or tile as it is stored and as it is unpacked, what libtiff keeps of the tags and of the
// places of all strips.
std::uint64_t codec_bytes(const Source& source, const TiffHeader& header) {
  if (!header.compressed()) return 0;
  constexpr std::uint64_t kTables = 512 << 10;  // with libjpeg's inside libtiff
  constexpr std::uint64_t kBlockBytes = 64;
  const std::uint64_t block =
      checked_product(source, block_row_bytes(source, header), header.block_height);
  return block + header.most_block_bytes + header.codec_bytes + 3 * header.tag_bytes +
         kBlockBytes * header.offsets.size() + kTables;
}

}  // namespace

Image decode_tiff(const Source& source) {
  const TiffHeader header = read_tiff_header(source);
  reserve_memory(source, header.width, header.height, header.layout.mode,
                 codec_bytes(source, header));
  Image image = blank_image(source, header.width, header.height, header.layout.mode);
  image.palette = header.palette;
  if (header.compressed()) {
    read_packed(source, header, image);
  } else {
    read_raw(source, header, image);
  }
  // Pillow turns TIFF files, and only these, when it opens them (TiffImageFile.load_end).
  return apply_orientation(std::move(image), header.orientation);
}

}  // namespace llm2clip
