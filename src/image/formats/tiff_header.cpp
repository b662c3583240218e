#include "image/formats/tiff_header.h"

#include <algorithm>
#include <array>
#include <limits>

#include "image/formats/jpeg_header.h"
#include "image/formats/tiff_directory.h"
#include "image/orientation.h"

namespace llm2clip {
namespace {

constexpr std::uint64_t kWhiteIsZero = 0, kBlackIsZero = 1, kRgb = 2, kPalette = 3, kCmyk = 5,
                        kYcbcr = 6;
constexpr std::uint64_t kUnsigned = 1, kSigned = 2, kFloat = 3;
constexpr std::uint64_t kNone = 1, kJpeg = 7;
constexpr std::size_t kMaxSamples = 6;

[[noreturn]] void refuse_kind(const Source& source, const std::string& what) {
  refuse(source, "this TIFF file has " + what + ", which is not read the way Pillow reads it");
}

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
bool gray_layout(const TiffHeader& header, TiffLayout& layout) {
  const bool inverted = header.photometric == kWhiteIsZero;
  const std::uint64_t format = header.sample_format;
  layout.bits = static_cast<unsigned>(header.bits[0]);
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
      if (header.fill_order != 1) {
        return !inverted && format == kUnsigned && !header.big_endian;
      }
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
bool color_layout(const TiffHeader& header, std::size_t colors, TiffLayout& layout) {
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

bool find_layout(const TiffHeader& header, TiffLayout& layout) {
  const std::size_t samples = header.bits.size();
  layout.samples = static_cast<unsigned>(samples);
  const bool same_bits = std::all_of(header.bits.begin(), header.bits.end(),
                                     [&](std::uint64_t bits) { return bits == header.bits[0]; });
  const bool plain_rgb = header.photometric == kRgb && samples == 3 && header.bits[0] == 8;
  if (!same_bits ||
      (header.fill_order != 1 && (header.fill_order != 2 || (samples != 1 && !plain_rgb)))) {
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

void check_inside(const Source& source, const Blocks& blocks, std::uint64_t most) {
  const std::uint64_t size = source.bytes.size();
  for (std::size_t i = 0; i < blocks.offsets.size(); ++i) {
    const std::uint64_t offset = blocks.offsets[i];
    if (offset > size || std::min(blocks.counts[i], most) > size - offset) {
      refuse_truncated(source, "TIFF");
    }
  }
}

void read_block_size(const Source& source, const TiffDirectory& directory, TiffHeader& header) {
  header.tiled = directory.has(TiffTag::tile_offsets) &&
                 (header.compressed() || !directory.has(TiffTag::strip_offsets));
  header.block_width = header.width;
  header.block_height =
      std::min(directory.value(TiffTag::rows_per_strip, header.height), header.height);
  if (header.tiled) {
    header.block_width = directory.value(TiffTag::tile_width, 0);
    header.block_height = directory.value(TiffTag::tile_height, 0);
  }
  check_pixels(source, header.block_width, header.block_height);
}

// Pillow reads rows from the offset on, and so need the counts not be there or be right.
void check_raw_blocks(const Source& source, const TiffHeader& header) {
  const std::uint64_t across = (header.width + header.block_width - 1) / header.block_width;
  for (std::size_t i = 0; i < header.offsets.size(); ++i) {
    const std::uint64_t top = i / across * header.block_height;
    const std::uint64_t left = i % across * header.block_width;
    const std::uint64_t rows = std::min(header.block_height, header.height - top);
    const std::size_t stride = raw_row_stride(source, header, left);
    const std::size_t bytes = raw_row_bytes(source, header, left);
    if (stride < bytes) refuse_kind(source, "tiles whose rows do not end with a byte");
    const std::uint64_t needed = checked_product(source, stride, rows - 1) + bytes;
    const std::uint64_t offset = header.offsets[i];
    const std::uint64_t size = source.bytes.size();
    if (offset > size || needed > size - offset) refuse_truncated(source, "TIFF");
  }
}

// libtiff finds out for itself how long a single strip is whose count is missing or 0.
std::uint64_t packed_bytes(const Source& source, const Blocks& blocks, const TiffHeader& header,
                           std::size_t index) {
  const std::uint64_t offset = blocks.offsets[index];
  const std::uint64_t size = source.bytes.size();
  const std::uint64_t count = index < blocks.counts.size() ? blocks.counts[index] : 0;
  if (offset > size || count > size - offset) refuse_truncated(source, "TIFF");
  const bool guessed = !header.tiled && blocks.offsets.size() == 1 && count == 0;
  return guessed ? size - offset : count;
}

void check_packed_blocks(const Source& source, const Blocks& blocks, TiffHeader& header) {
  if (blocks.counts.size() < blocks.offsets.size() && (header.tiled || blocks.offsets.size() > 1)) {
    refuse(source, "this TIFF file does not say where its pixels are");
  }
  for (std::size_t i = 0; i < blocks.offsets.size(); ++i) {
    const std::uint64_t bytes = packed_bytes(source, blocks, header, i);
    header.most_block_bytes = std::max(header.most_block_bytes, bytes);
    if (header.compression == kJpeg) {
      const auto jpeg = source.bytes.subspan(blocks.offsets[i], bytes);
      const JpegHeader inside = read_jpeg_header({jpeg, source.name, source.options});
      header.codec_bytes = std::max(header.codec_bytes, jpeg_codec_bytes(inside));
    }
  }
}

// As many strips or tiles as the size needs, each inside the file, and each with its pixels where
// that can be told without a codec.
void check_blocks(const Source& source, const TiffDirectory& directory, TiffHeader& header) {
  const Blocks blocks{
      directory.numbers(header.tiled ? TiffTag::tile_offsets : TiffTag::strip_offsets),
      directory.numbers(header.tiled ? TiffTag::tile_byte_counts : TiffTag::strip_byte_counts)};
  if (blocks.offsets.size() == 0) {
    refuse(source, "this TIFF file does not say where its pixels are");
  }
  const std::uint64_t across = (header.width + header.block_width - 1) / header.block_width;
  const std::uint64_t down = (header.height + header.block_height - 1) / header.block_height;
  if (checked_product(source, across, down) != blocks.offsets.size()) {
    refuse(source, "this TIFF file has " + std::to_string(blocks.offsets.size()) +
                       " strips or tiles, its size needs " + std::to_string(across * down));
  }
  header.offsets = blocks.offsets;
  if (header.compressed()) return check_packed_blocks(source, blocks, header);
  check_raw_blocks(source, header);
}

// How much of each strip or tile a page that is not compressed needs; the counts may be wrong.
std::uint64_t raw_block_bytes(const Source& source, const TiffDirectory& page) {
  const bool tiled = page.has(TiffTag::tile_offsets);
  const std::uint64_t height = page.value(TiffTag::height, 0);
  const std::uint64_t width = page.value(tiled ? TiffTag::tile_width : TiffTag::width, 0);
  const std::uint64_t rows = tiled ? page.value(TiffTag::tile_height, 0)
                                   : std::min(page.value(TiffTag::rows_per_strip, height), height);
  const std::uint64_t bits = checked_product(source, page.value(TiffTag::bits_per_sample, 1),
                                             page.value(TiffTag::samples_per_pixel, 1));
  return checked_product(source, (checked_product(source, width, bits) + 7) / 8, rows);
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
    const std::uint64_t most = page.value(TiffTag::compression, kNone) == kNone
                                   ? raw_block_bytes(source, page)
                                   : std::numeric_limits<std::uint64_t>::max();
    if (blocks.offsets.size() == blocks.counts.size()) check_inside(source, blocks, most);
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

// Tags of another type than whole numbers would count as absent. How planes lie Pillow does not ask
// where nothing is compressed.
void check_types(const Source& source, const TiffDirectory& directory) {
  const bool compressed = directory.value(TiffTag::compression, kNone) != kNone;
  for (const TiffTag tag :
       {TiffTag::width, TiffTag::height, TiffTag::bits_per_sample, TiffTag::compression,
        TiffTag::photometric, TiffTag::fill_order, TiffTag::samples_per_pixel,
        TiffTag::rows_per_strip, TiffTag::planar_configuration, TiffTag::extra_samples,
        TiffTag::sample_format}) {
    if (tag == TiffTag::planar_configuration && !compressed) continue;
    if (directory.has(tag) && directory.numbers(tag).size() == 0) {
      refuse_kind(source, "tag " + std::to_string(static_cast<unsigned>(tag)) +
                              " of another type than whole numbers");
    }
  }
}

// Pillow takes the first letter of its raw mode for the mode of a band.
bool reads_single_band(const TiffHeader& header) {
  return header.fill_order == 1 && !header.layout.invert &&
         ((header.bits[0] == 8 && header.sample_format == kUnsigned) ||
          (header.bits[0] == 1 && header.layout.mode == ImageMode::bilevel));
}

void check_planes(const Source& source, const TiffHeader& header) {
  constexpr std::uint64_t kSeparate = 2;
  if (header.planar != kSeparate) return;  // libtiff refuses others, Pillow's own reader does not
  if (header.bits.size() > 1 || (!header.compressed() && !reads_single_band(header))) {
    refuse_kind(source, "its color bands one after the other");
  }
}

std::uint64_t pixel_bits(const TiffHeader& header) {
  return std::uint64_t{header.layout.bits} * header.layout.samples;
}

}  // namespace

std::size_t block_row_bytes(const Source& source, const TiffHeader& header) {
  const std::size_t bits = checked_product(source, header.block_width, pixel_bits(header));
  return (bits + 7) / 8;
}

std::size_t raw_row_stride(const Source& source, const TiffHeader& header, std::uint64_t left) {
  const std::size_t bits = checked_product(source, header.block_width, pixel_bits(header));
  return left + header.block_width > header.width ? bits / 8 : (bits + 7) / 8;
}

std::size_t raw_row_bytes(const Source& source, const TiffHeader& header, std::uint64_t left) {
  const std::uint64_t width = std::min(header.block_width, header.width - left);
  return (checked_product(source, width, pixel_bits(header)) + 7) / 8;
}

TiffHeader read_tiff_header(const Source& source) {
  const auto directory = TiffDirectory::parse(source.bytes);
  if (!directory) refuse_truncated(source, "TIFF");
  check_types(source, *directory);
  check_block_tags(source, *directory);
  TiffHeader header;
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
  header.planar = directory->value(TiffTag::planar_configuration, 1);
  header.orientation = orientation_of_tiff(source.bytes, directory->data(TiffTag::xmp));
  header.tag_bytes = directory->data_bytes();
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
  check_planes(source, header);
  if (header.layout.mode == ImageMode::palette) header.palette = read_palette(source, *directory);
  read_block_size(source, *directory, header);
  check_blocks(source, *directory, header);
  check_later_pages(source, *directory);
  return header;
}

}  // namespace llm2clip
