#include <algorithm>
#include <array>
#include <vector>

#include "image/formats/byte_reader.h"
#include "image/formats/decoders.h"
#include "image/samples.h"

namespace llm2clip {
namespace {

// BmpImagePlugin.BmpImageFile.COMPRESSIONS.
constexpr std::uint32_t kRaw = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3;

// Where the bytes of a pixel go.
enum class Layout { indices, bits15, bits16, bytes };

struct Header {
  std::uint32_t header_bytes = 0;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  bool top_down = false;
  unsigned bits = 0;
  std::uint32_t compression = kRaw;
  std::uint32_t data_bytes = 0;
  std::uint32_t colors = 0;
  std::uint32_t pixels_at = 0;
  std::array<std::uint32_t, 4> masks{};  // red, green, blue, alpha
  ImageMode mode = ImageMode::rgb;
  Layout layout = Layout::bytes;
  std::array<std::uint8_t, 4> places{};  // of red, green, blue, alpha among the bytes of a pixel
  std::vector<std::uint8_t> palette;
};

void read_core_header(ByteReader& reader, Header& header) {
  header.width = reader.le16();
  header.height = reader.le16();
  reader.take(2);
  header.bits = reader.le16();
}

void read_info_header(ByteReader& reader, Header& header) {
  header.width = reader.le32();
  header.height = reader.le32();
  // Pillow looks at the highest byte alone.
  header.top_down = header.height >> 24 == 0xff;
  if (header.top_down) header.height = 0u - header.height;
  reader.take(2);
  header.bits = reader.le16();
  header.compression = reader.le32();
  header.data_bytes = reader.le32();
  reader.take(8);
  header.colors = reader.le32();
  reader.take(4);
  // Newer headers hold the masks, after older ones they follow.
  const bool masks = header.header_bytes >= 52 || header.compression == kBitFields;
  const std::size_t count = !masks ? 0 : header.header_bytes >= 56 ? 4 : 3;
  const std::size_t start = reader.position();
  for (std::size_t i = 0; i < count; ++i) header.masks[i] = reader.le32();
  if (header.header_bytes > 40) reader.seek(start + header.header_bytes - 40);
}

void read_sizes(const Source& source, ByteReader& reader, Header& header) {
  reader.seek(10);
  header.pixels_at = reader.le32();
  header.header_bytes = reader.le32();
  constexpr std::array<std::uint32_t, 6> kInfoHeaders = {40, 52, 56, 64, 108, 124};
  if (header.header_bytes == 12) {
    read_core_header(reader, header);
  } else if (std::find(kInfoHeaders.begin(), kInfoHeaders.end(), header.header_bytes) !=
             kInfoHeaders.end()) {
    read_info_header(reader, header);
  } else {
    refuse(source, "this BMP file has a header of " + std::to_string(header.header_bytes) +
                       " bytes, which is no known kind");
  }
  check_pixels(source, header.width, header.height);
}

struct MaskLayout {
  std::array<std::uint32_t, 4> masks;
  std::array<std::uint8_t, 4> places;
  ImageMode mode;
};

// MASK_MODES of BmpImagePlugin for 32 bits: BGRX, XBGR, BGXR, ABGR, RGBA, BGRA, BGAR and BGRA.
constexpr std::array<MaskLayout, 8> kMaskLayouts = {{
    {{0xff0000, 0xff00, 0xff, 0}, {2, 1, 0, 0}, ImageMode::rgb},
    {{0xff000000, 0xff0000, 0xff00, 0}, {3, 2, 1, 0}, ImageMode::rgb},
    {{0xff000000, 0xff00, 0xff, 0}, {3, 1, 0, 0}, ImageMode::rgb},
    {{0xff000000, 0xff0000, 0xff00, 0xff}, {3, 2, 1, 0}, ImageMode::rgba},
    {{0xff, 0xff00, 0xff0000, 0xff000000}, {0, 1, 2, 3}, ImageMode::rgba},
    {{0xff0000, 0xff00, 0xff, 0xff000000}, {2, 1, 0, 3}, ImageMode::rgba},
    {{0xff000000, 0xff00, 0xff, 0xff0000}, {3, 1, 0, 2}, ImageMode::rgba},
    {{0, 0, 0, 0}, {2, 1, 0, 3}, ImageMode::rgba},
}};

[[noreturn]] void refuse_masks(const Source& source) {
  refuse(source, "this BMP file has color masks that Pillow does not read");
}

void read_bit_fields(const Source& source, Header& header) {
  const auto& masks = header.masks;
  const std::array<std::uint32_t, 3> colors = {masks[0], masks[1], masks[2]};
  if (header.bits == 32) {
    const auto layout =
        std::find_if(kMaskLayouts.begin(), kMaskLayouts.end(),
                     [&](const MaskLayout& candidate) { return candidate.masks == masks; });
    if (layout == kMaskLayouts.end()) refuse_masks(source);
    header.places = layout->places;
    header.mode = layout->mode;
  } else if (header.bits == 16 && colors == std::array<std::uint32_t, 3>{0xf800, 0x7e0, 0x1f}) {
    header.layout = Layout::bits16;
  } else if (header.bits == 16 && colors == std::array<std::uint32_t, 3>{0x7c00, 0x3e0, 0x1f}) {
    header.layout = Layout::bits15;
  } else if (header.bits != 24 || colors != std::array<std::uint32_t, 3>{0xff0000, 0xff00, 0xff}) {
    refuse_masks(source);
  }
}

// BIT2MODE of BmpImagePlugin, and its conditions on the compression.
void choose_layout(const Source& source, Header& header) {
  header.places = {2, 1, 0, 0};
  switch (header.bits) {
    case 1:
    case 4:
    case 8:
      header.layout = Layout::indices;
      header.mode = ImageMode::palette;
      break;
    case 16:
      header.layout = Layout::bits15;
      break;
    case 24:
    case 32:
      break;
    default:
      refuse(source, "this BMP file has " + std::to_string(header.bits) + " bits a pixel");
  }
  if (header.compression == kBitFields) return read_bit_fields(source, header);
  const bool rle = header.compression == kRle8 || header.compression == kRle4;
  if (header.compression != kRaw && (!rle || header.layout != Layout::indices)) {
    refuse(source, "this BMP file has compression " + std::to_string(header.compression) +
                       ", which Pillow does not read");
  }
}

// A palette that only counts up is dropped, and the image becomes "L" or "1".
void read_palette(const Source& source, ByteReader& reader, Header& header) {
  if (header.colors == 0) header.colors = 1u << header.bits;
  if (header.colors > 65536) refuse(source, "this BMP file has an impossible palette");
  const std::size_t entry_bytes = header.header_bytes == 12 ? 3 : 4;
  const auto entries = reader.take(entry_bytes * header.colors);
  bool gray = true;
  for (std::size_t i = 0; i < header.colors; ++i) {
    const auto entry = entries.subspan(i * entry_bytes, 3);  // blue, green, red
    header.palette.insert(header.palette.end(), {entry[2], entry[1], entry[0]});
    const std::size_t level = header.colors == 2 ? 255 * i : i & 255;
    gray = gray && entry[0] == level && entry[1] == level && entry[2] == level;
  }
  if (!gray) {
    if (header.colors > 256) refuse(source, "this BMP file has a palette of more than 256 colors");
    return;
  }
  // In the other combinations Pillow reads the pixels with the wrong number of bits.
  const bool bilevel = header.bits == 1 && header.colors == 2 && header.compression == kRaw;
  if (!bilevel && (header.bits != 8 || header.colors == 2)) {
    refuse(source, "this BMP file has a gray palette that Pillow does not read right");
  }
  header.mode = bilevel ? ImageMode::bilevel : ImageMode::gray;
  header.palette.clear();
}

Header read_header(const Source& source) {
  Header header;
  ByteReader reader(source, "BMP");
  read_sizes(source, reader, header);
  choose_layout(source, header);
  if (header.layout == Layout::indices) {
    // Pillow skips a palette of four-byte entries where the pixels are said to follow the header.
    const std::uint32_t colors = header.colors != 0 ? header.colors : 1u << header.bits;
    if (header.pixels_at == 14 + header.header_bytes && colors <= 65536) {
      header.pixels_at += 4 * colors;
    }
    read_palette(source, reader, header);
  }
  if (header.pixels_at == 0) header.pixels_at = static_cast<std::uint32_t>(reader.position());
  return header;
}

void unpack_16(std::span<const std::uint8_t> row, Layout layout, std::span<std::uint8_t> out) {
  const unsigned green_bits = layout == Layout::bits16 ? 6 : 5;
  const unsigned green_max = (1u << green_bits) - 1;
  for (std::size_t i = 0; i < out.size() / 3; ++i) {
    const unsigned pixel = row[2 * i] | static_cast<unsigned>(row[2 * i + 1]) << 8;
    out[3 * i] = static_cast<std::uint8_t>((pixel >> (5 + green_bits) & 31) * 255 / 31);
    out[3 * i + 1] = static_cast<std::uint8_t>((pixel >> 5 & green_max) * 255 / green_max);
    out[3 * i + 2] = static_cast<std::uint8_t>((pixel & 31) * 255 / 31);
  }
}

void unpack_bytes(std::span<const std::uint8_t> row, const Header& header,
                  std::span<std::uint8_t> out) {
  const std::size_t in_bytes = header.bits / 8;
  const std::size_t out_bytes = bytes_per_pixel(header.mode);
  for (std::size_t i = 0; i < out.size() / out_bytes; ++i) {
    for (std::size_t channel = 0; channel < out_bytes; ++channel) {
      out[i * out_bytes + channel] = row[i * in_bytes + header.places[channel]];
    }
  }
}

void unpack_row(std::span<const std::uint8_t> row, const Header& header,
                std::span<std::uint8_t> out) {
  if (header.layout == Layout::bytes) return unpack_bytes(row, header, out);
  if (header.layout != Layout::indices) return unpack_16(row, header.layout, out);
  unpack_bits(row, header.bits, out);
  if (header.mode != ImageMode::bilevel) return;
  for (std::uint8_t& bit : out) bit = static_cast<std::uint8_t>(bit * gray_scale(1));
}

// Rows are stored from the bottom up unless the header says otherwise.
std::size_t target_row(const Header& header, std::size_t stored) {
  return header.top_down ? stored : header.height - 1 - stored;
}

void read_raw(const Source& source, const Header& header, Image& image) {
  const std::size_t bits = checked_product(source, header.width, header.bits);
  const std::size_t stride = (bits + 31) / 32 * 4;
  ByteReader reader(source, "BMP");
  reader.seek(header.pixels_at);
  const auto rows = reader.take(checked_product(source, stride, header.height));
  for (std::size_t y = 0; y < header.height; ++y) {
    unpack_row(rows.subspan(y * stride, stride), header, row_of(image, target_row(header, y)));
  }
}

// BmpImagePlugin.BmpRleDecoder. It counts pixels, not rows, and so do we.
class RleDecoder {
 public:
  RleDecoder(const Source& source, const Header& header, std::size_t pixels)
      : source_(source), header_(header), pixels_(pixels), reader_(source, "BMP") {
    reader_.seek(header.pixels_at);
    reader_.take(header.data_bytes);
    reader_.seek(header.pixels_at);
  }

  std::vector<std::uint8_t> decode() {
    indices_.reserve(pixels_);
    while (indices_.size() < pixels_) {
      const std::uint32_t count = reader_.u8();
      const std::uint32_t byte = reader_.u8();
      if (count != 0) {
        run(count, byte);
      } else if (byte == 0) {
        append_zeros((header_.width - indices_.size() % header_.width) % header_.width);
        x_ = 0;
      } else if (byte == 1) {
        refuse(source_, "this BMP file ends before all its pixels");
      } else if (byte == 2) {
        reader_.take(2);  // Pillow reads the two bytes of the delta twice, and so from later ones
        const std::uint64_t right = reader_.u8();
        append_zeros(right + reader_.u8() * std::uint64_t{header_.width});
        x_ = indices_.size() % header_.width;
      } else {
        literal(byte);
      }
    }
    return std::move(indices_);
  }

 private:
  void run(std::uint32_t count, std::uint32_t byte) {
    const std::size_t room = header_.width - std::min<std::size_t>(x_, header_.width);
    count = static_cast<std::uint32_t>(std::min<std::size_t>(count, room));
    for (std::uint32_t i = 0; i < count; ++i) {
      if (header_.compression == kRle8) append(byte);
      if (header_.compression == kRle4) append(i % 2 == 0 ? byte >> 4 : byte & 15);
    }
    x_ += count;
  }

  void literal(std::uint32_t count) {
    if (header_.compression == kRle8) {
      for (const std::uint8_t byte : reader_.take(count)) append(byte);
    } else {
      for (const std::uint8_t byte : reader_.take(count / 2)) {
        append(byte >> 4);
        append(byte & 15u);
      }
    }
    x_ += count;
    if (reader_.position() % 2 != 0) reader_.take(1);
  }

  void append(std::uint32_t index) {
    if (indices_.size() < pixels_) indices_.push_back(static_cast<std::uint8_t>(index));
  }

  void append_zeros(std::uint64_t count) {
    const std::uint64_t room = pixels_ - indices_.size();
    indices_.resize(indices_.size() + static_cast<std::size_t>(std::min(count, room)));
  }

  const Source& source_;
  const Header& header_;
  std::size_t pixels_;
  ByteReader reader_;
  std::size_t x_ = 0;
  std::vector<std::uint8_t> indices_;
};

void read_rle(const Source& source, const Header& header, Image& image) {
  const std::vector<std::uint8_t> indices =
      RleDecoder(source, header, image.pixels.size()).decode();
  for (std::size_t y = 0; y < header.height; ++y) {
    const auto row = std::span(indices).subspan(y * header.width, header.width);
    std::copy(row.begin(), row.end(), row_of(image, target_row(header, y)).begin());
  }
}

// Before memory is taken for the pixels a header announces.
void check_data(const Source& source, const Header& header) {
  ByteReader reader(source, "BMP");
  reader.seek(header.pixels_at);
  if (header.compression == kRle8 || header.compression == kRle4) return;
  const std::size_t bits = checked_product(source, header.width, header.bits);
  reader.take(checked_product(source, (bits + 31) / 32 * 4, header.height));
}

}  // namespace

Image decode_bmp(const Source& source) {
  const Header header = read_header(source);
  check_data(source, header);
  const bool rle = header.compression == kRle8 || header.compression == kRle4;
  reserve_memory(source, header.width, header.height, header.mode,
                 rle ? std::uint64_t{header.width} * header.height : 0);
  Image image = blank_image(source, header.width, header.height, header.mode);
  image.palette = header.palette;
  if (rle) {
    read_rle(source, header, image);
  } else {
    read_raw(source, header, image);
  }
  return image;
}

}  // namespace llm2clip
