#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "image/byte_reader.h"
#include "image/decoders.h"

namespace llm2clip {
namespace {

using Palette = std::vector<std::uint8_t>;

struct Frame {
  std::uint32_t left = 0, top = 0, width = 0, height = 0;
  bool interlaced = false;
  std::optional<std::uint8_t> transparent;
  Palette palette;  // empty for gray
};

// GifImagePlugin._is_palette_needed: a ramp of grays is dropped, the picture becomes "L".
Palette read_palette(ByteReader& reader, std::uint32_t flags) {
  const auto colors = reader.take(std::size_t{3} << ((flags & 7) + 1));
  bool ramp = true;
  for (std::size_t i = 0; i < colors.size(); ++i) ramp = ramp && colors[i] == i / 3;
  if (ramp) return {};
  return {colors.begin(), colors.end()};
}

// The bytes of blocks up to the empty one that ends them.
std::vector<std::uint8_t> read_blocks(ByteReader& reader) {
  std::vector<std::uint8_t> data;
  while (const std::uint32_t length = reader.u8()) {
    const auto block = reader.take(length);
    data.insert(data.end(), block.begin(), block.end());
  }
  return data;
}

void read_extension(ByteReader& reader, Frame& frame) {
  constexpr std::uint32_t kGraphicControl = 0xf9;
  const std::uint32_t label = reader.u8();
  const std::vector<std::uint8_t> data = read_blocks(reader);
  if (label == kGraphicControl && data.size() >= 4 && (data[0] & 1) != 0) {
    frame.transparent = data[3];
  }
}

void read_frame(ByteReader& reader, const Palette& global, Frame& frame) {
  frame.left = reader.le16();
  frame.top = reader.le16();
  frame.width = reader.le16();
  frame.height = reader.le16();
  const std::uint32_t flags = reader.u8();
  frame.interlaced = (flags & 0x40) != 0;
  frame.palette = (flags & 0x80) != 0 ? read_palette(reader, flags) : global;
  reader.u8();  // the width of the first codes, which giflib reads
  read_blocks(reader);
}

// Walks from the first frame to the trailer: a file that ends in a later frame is truncated too.
void walk_to_trailer(ByteReader& reader) {
  for (std::uint32_t kind = reader.u8(); kind != ';'; kind = reader.u8()) {
    Frame later;
    if (kind == '!') read_extension(reader, later);
    if (kind == ',') read_frame(reader, {}, later);
  }
}

// Rows in the order they are stored: interlaced files send every eighth, and so on.
std::vector<std::size_t> row_order(const Frame& frame) {
  constexpr std::array<std::array<std::size_t, 2>, 4> kPasses = {{{0, 8}, {4, 8}, {2, 4}, {1, 2}}};
  std::vector<std::size_t> order;
  if (!frame.interlaced) {
    for (std::size_t y = 0; y < frame.height; ++y) order.push_back(y);
    return order;
  }
  for (const auto& [first, step] : kPasses) {
    for (std::size_t y = first; y < frame.height; y += step) order.push_back(y);
  }
  return order;
}

// What giflib reads from: the bytes that are left.
int read_bytes(GifFileType* gif, GifByteType* buffer, int count) {
  auto& rest = *static_cast<std::span<const std::uint8_t>*>(gif->UserData);
  const std::size_t taken = std::min(rest.size(), static_cast<std::size_t>(count));
  std::copy_n(rest.begin(), taken, buffer);
  rest = rest.subspan(taken);
  return static_cast<int>(taken);
}

bool skip_extension(GifFileType* gif) {
  int code = 0;
  GifByteType* block = nullptr;
  if (DGifGetExtension(gif, &code, &block) == GIF_ERROR) return false;
  while (block != nullptr) {
    if (DGifGetExtensionNext(gif, &block) == GIF_ERROR) return false;
  }
  return true;
}

bool go_to_first_image(GifFileType* gif) {
  GifRecordType kind = UNDEFINED_RECORD_TYPE;
  while (DGifGetRecordType(gif, &kind) != GIF_ERROR) {
    if (kind == IMAGE_DESC_RECORD_TYPE) return DGifGetImageDesc(gif) != GIF_ERROR;
    if (kind != EXTENSION_RECORD_TYPE || !skip_extension(gif)) return false;
  }
  return false;
}

// The first frame's palette indices in the order they are stored; false when giflib finds damage.
bool read_indices(const Source& source, const Frame& frame, std::vector<std::uint8_t>& indices) {
  std::span<const std::uint8_t> rest = source.bytes;
  const auto close = [](GifFileType* gif) { DGifCloseFile(gif, nullptr); };
  const std::unique_ptr<GifFileType, decltype(close)> gif(DGifOpen(&rest, read_bytes, nullptr),
                                                          close);
  if (!gif || !go_to_first_image(gif.get())) return false;
  for (std::size_t row = 0; row < frame.height; ++row) {
    GifByteType* line = indices.data() + row * frame.width;
    if (DGifGetLine(gif.get(), line, static_cast<int>(frame.width)) == GIF_ERROR) return false;
  }
  return true;
}

Image paint(const Source& source, const Frame& frame, std::uint32_t width, std::uint32_t height) {
  const ImageMode mode = frame.palette.empty() ? ImageMode::gray : ImageMode::palette;
  std::vector<std::uint8_t> indices(checked_product(source, frame.width, frame.height));
  if (!read_indices(source, frame, indices)) refuse(source, "this GIF file is damaged");
  Image image = blank_image(source, width, height, mode);
  image.palette = frame.palette;
  std::fill(image.pixels.begin(), image.pixels.end(), frame.transparent.value_or(0));
  auto row = indices.begin();
  for (const std::size_t y : row_order(frame)) {
    const auto target = row_of(image, frame.top + y).subspan(frame.left, frame.width);
    std::copy_n(row, frame.width, target.begin());
    row += frame.width;
  }
  return image;
}

}  // namespace

Image decode_gif(const Source& source) {
  ByteReader reader(source, "GIF");
  reader.seek(6);
  std::uint32_t width = reader.le16();
  std::uint32_t height = reader.le16();
  const std::uint32_t flags = reader.u8();
  reader.take(2);
  const Palette global = (flags & 0x80) != 0 ? read_palette(reader, flags) : Palette();

  Frame frame;
  for (std::uint32_t kind = reader.u8(); kind != ','; kind = reader.u8()) {
    if (kind == '!') read_extension(reader, frame);
    if (kind == ';') refuse(source, "this GIF file has no image");
  }
  read_frame(reader, global, frame);
  walk_to_trailer(reader);

  // Like Pillow, enlarge a canvas that the first frame does not fit on.
  width = std::max(width, frame.left + frame.width);
  height = std::max(height, frame.top + frame.height);
  check_pixels(source, width, height);
  check_pixels(source, frame.width, frame.height);
  return paint(source, frame, width, height);
}

}  // namespace llm2clip
