#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "image/decoders.h"
#include "image/jpeg_header.h"
#include "image/orientation.h"
#include "image/samples.h"
#include "image/tiff_directory.h"

// Before 4.5 libtiff's messages can only be silenced for the whole process.
static_assert(TIFFLIB_VERSION >= 20221213, "libtiff 4.5 or newer is needed");

namespace llm2clip {
namespace {

constexpr std::uint64_t kWhiteIsZero = 0, kBlackIsZero = 1, kRgb = 2, kPalette = 3, kCmyk = 5,
                        kYcbcr = 6;
constexpr std::uint64_t kUnsigned = 1, kSigned = 2, kFloat = 3;
constexpr std::uint64_t kNone = 1, kJpeg = 7;
constexpr std::size_t kMaxSamples = 6;

// How the samples of a stored pixel become those of a mode.
struct Layout {
  ImageMode mode = ImageMode::gray;
  unsigned bits = 8;     // of a stored sample
  unsigned samples = 1;  // stored for a pixel, those that are dropped included
  bool invert = false;   // white is zero
  bool premultiplied = false;
  bool is_signed = false;
};

struct Header {
  std::uint64_t width = 0;
  std::uint64_t height = 0;
  std::uint64_t compression = 1;
  std::uint64_t photometric = 0;
  std::uint64_t sample_format = kUnsigned;
  std::uint64_t fill_order = 1;
  std::vector<std::uint64_t> bits;
  std::vector<std::uint64_t> extra;
  bool big_endian = false;
  int orientation = 1;
  Layout layout;
  std::vector<std::uint8_t> palette;
  bool tiled = false;
  std::uint64_t block_width = 0;  // of a strip or tile
  std::uint64_t block_height = 0;
};

[[noreturn]] void refuse_kind(const Source& source, const std::string& what) {
  refuse(source, "this TIFF file has " + what + ", which is not read the way Pillow reads it");
}

// Fax and JPEG: damage is a warning, and what comes out depends on the library's version.
bool invents_pixels(std::uint64_t compression) {
  return (compression >= 2 && compression <= 4) || compression == kJpeg;
}

bool is_deflate(std::uint64_t compression) { return compression == 8 || compression == 32946; }

void check_compression(const Source& source, std::uint64_t compression) {
  // None, CCITT RLE, G3 and G4, LZW, JPEG, deflate, PackBits, deflate as first named.
  constexpr std::array<std::uint64_t, 9> kKnown = {1, 2, 3, 4, 5, kJpeg, 8, 32773, 32946};
  if (std::find(kKnown.begin(), kKnown.end(), compression) == kKnown.end()) {
    refuse_kind(source, "compression " + std::to_string(compression));
  }
}

// The numbers of a tag that has one for each sample at most.
std::vector<std::uint64_t> per_sample(const Source& source, const TiffDirectory& directory,
                                      TiffTag tag) {
  const TiffNumbers numbers = directory.numbers(tag);
  if (numbers.size() > kMaxSamples) {
    refuse_kind(source, std::to_string(numbers.size()) + " samples a pixel");
  }
  std::vector<std::uint64_t> values;
  for (std::size_t i = 0; i < numbers.size(); ++i) values.push_back(numbers[i]);
  return values;
}

// TiffImageFile._setup: one number of bits stands for all samples.
std::vector<std::uint64_t> sample_bits(const Source& source, const TiffDirectory& directory) {
  std::vector<std::uint64_t> bits = per_sample(source, directory, TiffTag::bits_per_sample);
  if (bits.empty()) bits = {1};
  const std::uint64_t samples = directory.value(TiffTag::samples_per_pixel, 1);
  if (samples < 1 || samples > kMaxSamples) {
    refuse_kind(source, std::to_string(samples) + " samples a pixel");
  }
  if (samples < bits.size() || bits.size() == 1) bits.resize(samples, bits[0]);
  if (bits.size() != samples) refuse_kind(source, "samples of an unknown number of bits");
  return bits;
}

// One format for all samples; several that agree count as one only when they are unsigned.
std::uint64_t sample_format(const Source& source, const TiffDirectory& directory) {
  const std::vector<std::uint64_t> formats = per_sample(source, directory, TiffTag::sample_format);
  if (formats.empty()) return kUnsigned;
  const bool all_unsigned = std::all_of(formats.begin(), formats.end(),
                                        [](std::uint64_t format) { return format == kUnsigned; });
  if (formats.size() > 1 && !all_unsigned) refuse_kind(source, "samples of different formats");
  return formats[0];
}

// The rows of OPEN_INFO in TiffImagePlugin with one sample of gray.
bool gray_layout(const Header& header, Layout& layout) {
  const bool inverted = header.photometric == kWhiteIsZero;
  const std::uint64_t format = header.sample_format;
  layout.bits = static_cast<unsigned>(header.bits[0]);
  layout.is_signed = format == kSigned;
  switch (header.bits[0]) {
    case 1:
    case 2:
    case 4:
      layout.mode = header.bits[0] == 1 ? ImageMode::bilevel : ImageMode::gray;
      layout.invert = inverted;
      return format == kUnsigned;
    case 8:
      layout.invert = inverted;
      return format == kUnsigned || (format == kSigned && !inverted && header.fill_order == 1);
    case 16:
      layout.mode = format == kSigned ? ImageMode::int32 : ImageMode::gray16;
      if (header.fill_order != 1) return false;
      if (inverted) return format == kUnsigned && !header.big_endian;  // and not inverted
      return format == kUnsigned || format == kSigned;
    case 32:
      layout.mode = format == kFloat ? ImageMode::float32 : ImageMode::int32;
      if (header.fill_order != 1) return false;
      if (inverted) return format == kFloat;
      return format == kFloat || format == kSigned || (format == kUnsigned && !header.big_endian);
    default:
      return false;
  }
}

// Extra samples say what the fourth is; those after it are dropped.
bool color_layout(const Header& header, std::size_t colors, Layout& layout) {
  const std::size_t extra = header.bits.size() - colors;
  const bool rest_is_unspecified =
      std::all_of(header.extra.begin() + (header.extra.empty() ? 0 : 1), header.extra.end(),
                  [](std::uint64_t meaning) { return meaning == 0; });
  layout.bits = static_cast<unsigned>(header.bits[0]);
  layout.mode = colors == 4 ? ImageMode::cmyk : ImageMode::rgb;
  if (layout.bits != 8 && (layout.bits != 16 || extra > 1)) return false;
  if (extra == 0) return header.extra.empty();
  const std::uint64_t meaning = header.extra.empty() ? 2 : header.extra[0];
  if (colors == 4) return layout.bits == 8 && meaning == 0 && header.extra.size() == extra;
  if (header.extra.empty() ? extra != 1 : header.extra.size() != extra) return false;
  if (meaning != 0) layout.mode = ImageMode::rgba;
  layout.premultiplied = meaning == 1;
  if (layout.premultiplied && layout.bits == 16) return false;
  const bool corel_draw = meaning == 999 && extra == 1 && layout.bits == 8;
  return rest_is_unspecified && (meaning <= 2 || corel_draw);
}

bool find_layout(const Header& header, Layout& layout) {
  const std::size_t samples = header.bits.size();
  layout.samples = static_cast<unsigned>(samples);
  const bool same_bits = std::all_of(header.bits.begin(), header.bits.end(),
                                     [&](std::uint64_t bits) { return bits == header.bits[0]; });
  if (!same_bits || (header.fill_order != 1 && (header.fill_order != 2 || samples != 1))) {
    return false;
  }
  if (header.photometric <= kBlackIsZero && samples == 1) {
    return header.extra.empty() && gray_layout(header, layout);
  }
  if (header.sample_format != kUnsigned) return false;
  if (header.photometric == kBlackIsZero && samples == 2) {
    layout.mode = ImageMode::gray_alpha;
    return header.bits[0] == 8 && header.extra == std::vector<std::uint64_t>{2};
  }
  if (header.photometric == kPalette && samples == 1) {
    layout.mode = ImageMode::palette;
    layout.bits = static_cast<unsigned>(header.bits[0]);
    return header.extra.empty() &&
           (layout.bits == 1 || layout.bits == 2 || layout.bits == 4 || layout.bits == 8);
  }
  if (header.photometric == kRgb && samples >= 3) return color_layout(header, 3, layout);
  if (header.photometric == kCmyk && samples >= 4) return color_layout(header, 4, layout);
  // libtiff makes RGB of it. Without JPEG compression Pillow goes another way.
  return header.photometric == kYcbcr && samples == 3 && header.bits[0] == 8 &&
         header.extra.empty() && header.compression == kJpeg && color_layout(header, 3, layout);
}

// TiffImageFile._setup: the high bytes of all reds, then of all greens, then of all blues.
std::vector<std::uint8_t> read_palette(const Source& source, const TiffDirectory& directory) {
  const TiffNumbers map = directory.numbers(TiffTag::color_map);
  const std::size_t colors = map.size() / 3;
  if (colors == 0 || colors > 256 || map.size() % 3 != 0) {
    refuse(source, "this TIFF file has no color map of up to 256 colors");
  }
  std::vector<std::uint8_t> palette;
  for (std::size_t i = 0; i < colors; ++i) {
    for (std::size_t band = 0; band < 3; ++band) {
      palette.push_back(static_cast<std::uint8_t>(map[band * colors + i] >> 8));
    }
  }
  return palette;
}

// Where the strips or tiles of a page are.
struct Blocks {
  TiffNumbers offsets;
  TiffNumbers counts;
};

Blocks blocks_of(const TiffDirectory& directory) {
  const bool tiled = directory.has(TiffTag::tile_offsets);
  return {directory.numbers(tiled ? TiffTag::tile_offsets : TiffTag::strip_offsets),
          directory.numbers(tiled ? TiffTag::tile_byte_counts : TiffTag::strip_byte_counts)};
}

void check_inside(const Source& source, const Blocks& blocks) {
  const std::uint64_t size = source.bytes.size();
  for (std::size_t i = 0; i < blocks.offsets.size(); ++i) {
    const std::uint64_t offset = blocks.offsets[i];
    if (offset > size || blocks.counts[i] > size - offset) refuse_truncated(source, "TIFF");
  }
}

void read_block_size(const Source& source, const TiffDirectory& directory, Header& header) {
  header.tiled = directory.has(TiffTag::tile_offsets);
  header.block_width = header.width;
  header.block_height =
      std::min(directory.value(TiffTag::rows_per_strip, header.height), header.height);
  if (header.tiled) {
    header.block_width = directory.value(TiffTag::tile_width, 0);
    header.block_height = directory.value(TiffTag::tile_height, 0);
  }
  check_pixels(source, header.block_width, header.block_height);
}

std::size_t block_row_bytes(const Source& source, const Header& header) {
  const std::size_t bits =
      checked_product(source, header.block_width, header.layout.bits * header.layout.samples);
  return (bits + 7) / 8;
}

// As many strips or tiles as the size needs, each inside the file, and each with its pixels where
// that can be told without a codec.
void check_blocks(const Source& source, const TiffDirectory& directory, const Header& header) {
  const Blocks blocks = blocks_of(directory);
  if (blocks.offsets.size() == 0 || blocks.offsets.size() != blocks.counts.size()) {
    refuse(source, "this TIFF file does not say where its pixels are");
  }
  const std::uint64_t across = (header.width + header.block_width - 1) / header.block_width;
  const std::uint64_t down = (header.height + header.block_height - 1) / header.block_height;
  if (checked_product(source, across, down) != blocks.offsets.size()) {
    refuse(source, "this TIFF file has " + std::to_string(blocks.offsets.size()) +
                       " strips or tiles, its size needs " + std::to_string(across * down));
  }
  check_inside(source, blocks);
  const std::size_t row_bytes = block_row_bytes(source, header);
  for (std::size_t i = 0; i < blocks.offsets.size(); ++i) {
    const std::uint64_t rows =
        std::min(header.block_height,
                 header.tiled ? header.block_height : header.height - i * header.block_height);
    if (header.compression == kNone &&
        blocks.counts[i] < checked_product(source, row_bytes, rows)) {
      refuse(source, "this TIFF file is damaged or lacks pixels");
    }
    if (header.compression == kJpeg) {
      const auto jpeg = source.bytes.subspan(blocks.offsets[i], blocks.counts[i]);
      read_jpeg_header({jpeg, source.name, source.options});
    }
  }
}

// A file that ends in a later page is truncated too. Pages that share their directories, as those
// in a circle do, could be walked for ever.
void check_later_pages(const Source& source, TiffDirectory page) {
  std::uint64_t walked = 0;
  while (page.next() != 0u) {
    auto next = page.parse_next(source.bytes);
    if (!next) refuse_truncated(source, "TIFF");
    page = std::move(*next);
    walked += page.size_in_file({TiffTag::strip_offsets, TiffTag::strip_byte_counts,
                                 TiffTag::tile_offsets, TiffTag::tile_byte_counts});
    if (walked > source.bytes.size()) refuse(source, "this TIFF file has pages in a circle");
    const Blocks blocks = blocks_of(page);
    if (blocks.offsets.size() == blocks.counts.size()) check_inside(source, blocks);
  }
}

// libtiff takes the first of two equal tags, Pillow the last; check_agreement looks at the others.
void check_block_tags(const Source& source, const TiffDirectory& directory) {
  for (const TiffTag tag : {TiffTag::strip_offsets, TiffTag::strip_byte_counts,
                            TiffTag::tile_offsets, TiffTag::tile_byte_counts}) {
    if (directory.repeats(tag)) {
      refuse(source, "this TIFF file is damaged: it says twice where its pixels are");
    }
  }
}

// Tags of another type than whole numbers would count as absent.
void check_types(const Source& source, const TiffDirectory& directory) {
  for (const TiffTag tag :
       {TiffTag::width, TiffTag::height, TiffTag::bits_per_sample, TiffTag::compression,
        TiffTag::photometric, TiffTag::fill_order, TiffTag::samples_per_pixel,
        TiffTag::rows_per_strip, TiffTag::planar_configuration, TiffTag::extra_samples,
        TiffTag::sample_format}) {
    if (directory.has(tag) && directory.numbers(tag).size() == 0) {
      refuse_kind(source, "tag " + std::to_string(static_cast<unsigned>(tag)) +
                              " of another type than whole numbers");
    }
  }
}

Header read_header(const Source& source) {
  const auto directory = TiffDirectory::parse(source.bytes);
  if (!directory) refuse_truncated(source, "TIFF");
  check_types(source, *directory);
  check_block_tags(source, *directory);
  Header header;
  header.width = directory->value(TiffTag::width, 0);
  header.height = directory->value(TiffTag::height, 0);
  check_pixels(source, header.width, header.height);
  header.compression = directory->value(TiffTag::compression, 1);
  check_compression(source, header.compression);
  header.photometric = directory->value(TiffTag::photometric, kWhiteIsZero);
  header.fill_order = directory->value(TiffTag::fill_order, 1);
  header.bits = sample_bits(source, *directory);
  header.extra = per_sample(source, *directory, TiffTag::extra_samples);
  header.sample_format = sample_format(source, *directory);
  header.big_endian = directory->big_endian();
  header.orientation = orientation_of(source.bytes, directory->data(TiffTag::xmp));
  if (directory->value(TiffTag::planar_configuration, 1) != 1 && header.bits.size() > 1) {
    refuse_kind(source, "its color bands one after the other");
  }
  if (directory->has(TiffTag::windows_media_photo) || !find_layout(header, header.layout)) {
    refuse_kind(source, "pixels of an unusual kind (photometric " +
                            std::to_string(header.photometric) + ", " +
                            std::to_string(header.bits.size()) + " samples of " +
                            std::to_string(header.bits[0]) + " bits)");
  }
  if (source.options.keep_mode && header.big_endian && header.layout.mode == ImageMode::gray16) {
    // Pillow's mode "I;16B". Its resize takes the bytes for little-endian ones.
    refuse_kind(source, "big-endian 16-bit gray");
  }
  if (header.layout.mode == ImageMode::palette) header.palette = read_palette(source, *directory);
  read_block_size(source, *directory, header);
  check_blocks(source, *directory, header);
  check_later_pages(source, *directory);
  return header;
}

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

Tiff open(const Source& source, const Header& header, Stream& stream) {
  const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> options(
      TIFFOpenOptionsAlloc(), TIFFOpenOptionsFree);
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
  if (tiff == nullptr) refuse(source, "this TIFF file is damaged");
  return tiff;
}

// The samples of one row, in the byte order of the machine, become those of the mode.
void unpack_row(std::span<const std::uint8_t> row, const Layout& layout,
                std::span<std::uint8_t> out) {
  const std::size_t channels = bytes_per_pixel(layout.mode);
  if (layout.bits < 8) {
    unpack_bits(row, layout.bits, out);
    if (layout.mode == ImageMode::palette) return;
    for (std::uint8_t& gray : out) gray = static_cast<std::uint8_t>(gray * gray_scale(layout.bits));
  } else if (layout.bits == 16 && layout.mode == ImageMode::int32) {
    for (std::size_t i = 0; i < out.size() / 4; ++i) {
      store_sample<std::int32_t>(&out[4 * i], load_sample<std::int16_t>(&row[2 * i]));
    }
  } else if (layout.samples == 1) {
    std::copy_n(row.begin(), out.size(), out.begin());
  } else {
    const std::size_t sample_bytes = layout.bits / 8;
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::size_t at = (i / channels * layout.samples + i % channels) * sample_bytes;
      out[i] = sample_bytes == 1
                   ? row[at]
                   : static_cast<std::uint8_t>(load_sample<std::uint16_t>(&row[at]) >> 8);
    }
  }
  if (layout.invert) {
    for (std::uint8_t& gray : out) gray = static_cast<std::uint8_t>(255 - gray);
  }
  for (std::size_t i = 0; layout.premultiplied && i < out.size(); i += 4) {
    // Unpack.c: unpackRGBa. Unlike after a resize, nothing stays where alpha is 0.
    const std::uint8_t alpha = out[i + 3];
    for (std::size_t c = 0; c < 3; ++c) {
      out[i + c] = alpha == 0 ? std::uint8_t{0} : unpremultiply(out[i + c], alpha);
    }
  }
}

// A strip or tile of the file and the part of the picture it covers.
struct Block {
  std::size_t left, top, width, height;  // cut at the right and bottom of the picture
  std::size_t stored_width;
};

void unpack_block(std::span<const std::uint8_t> samples, const Block& block, const Layout& layout,
                  Image& image) {
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
  const tmsize_t read = TIFFIsTiled(tiff) != 0
                            ? TIFFReadEncodedTile(tiff, index, buffer.data(), size)
                            : TIFFReadEncodedStrip(tiff, index, buffer.data(), size);
  if (read < 0 || static_cast<std::size_t>(read) < needed) {
    refuse(source, "this TIFF file is damaged or lacks pixels");
  }
}

void read_blocks(const Source& source, const Header& header, TIFF* tiff, Image& image) {
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
void check_agreement(const Source& source, const Header& header, TIFF* tiff) {
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

}  // namespace

Image decode_tiff(const Source& source) {
  const Header header = read_header(source);
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
  Image image = blank_image(source, header.width, header.height, header.layout.mode);
  image.palette = header.palette;
  stream.warning = false;  // of unknown tags and the like
  read_blocks(source, header, tiff.get(), image);
  if (stream.error || (stream.warning && invents_pixels(header.compression))) {
    refuse(source, "this TIFF file is damaged");
  }
  // Pillow turns TIFF files, and only these, when it opens them (TiffImageFile.load_end).
  return apply_orientation(std::move(image), header.orientation);
}

}  // namespace llm2clip
