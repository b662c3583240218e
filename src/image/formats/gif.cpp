#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "image/formats/byte_reader.h"
#include "image/formats/decoders.h"

namespace llm2clip {
namespace {

using Palette = std::vector<std::uint8_t>;

struct Frame {
  std::uint32_t left = 0, top = 0, width = 0, height = 0;
  bool interlaced = false;
  std::uint32_t color_bits = 0;  // of the codes that stand for one color
  std::optional<std::uint8_t> transparent;
  Palette palette;  // empty for gray
};

// GifImagePlugin._is_palette_needed: a ramp of grays is dropped, the image becomes "L".
Palette read_palette(ByteReader& reader, std::uint32_t flags) {
  const auto colors = reader.take(std::size_t{3} << ((flags & 7) + 1));
  bool ramp = true;
  for (std::size_t i = 0; i < colors.size(); ++i) ramp = ramp && colors[i] == i / 3;
  if (ramp) return {};
  return {colors.begin(), colors.end()};
}

// Passes the blocks up to the empty one that ends them. The first of them.
std::span<const std::uint8_t> skip_blocks(ByteReader& reader) {
  const auto first = reader.take(reader.u8());
  if (first.empty()) return first;
  while (const std::uint32_t length = reader.u8()) reader.take(length);
  return first;
}

// Behind an extension whose first block is empty Pillow looks for one more, unless it is a comment.
void read_extension(ByteReader& reader, Frame& frame) {
  constexpr std::uint32_t kGraphicControl = 0xf9, kComment = 0xfe;
  const std::uint32_t label = reader.u8();
  const auto block = skip_blocks(reader);
  if (block.empty() && label != kComment) skip_blocks(reader);
  if (label == kGraphicControl && block.size() >= 4 && (block[0] & 1) != 0) {
    frame.transparent = block[3];
  }
}

// The frame without its pixels, which the reader is brought to.
void read_frame(ByteReader& reader, const Palette& global, Frame& frame) {
  frame.left = reader.le16();
  frame.top = reader.le16();
  frame.width = reader.le16();
  frame.height = reader.le16();
  const std::uint32_t flags = reader.u8();
  frame.interlaced = (flags & 0x40) != 0;
  frame.palette = (flags & 0x80) != 0 ? read_palette(reader, flags) : global;
  frame.color_bits = reader.u8();
}

// Walks from the pixels of the first frame to the trailer: a file that ends in a later frame is
// truncated too.
void walk_to_trailer(ByteReader& reader) {
  skip_blocks(reader);
  for (std::uint32_t kind = reader.u8(); kind != ';'; kind = reader.u8()) {
    Frame later;
    if (kind == '!') read_extension(reader, later);
    if (kind == ',') {
      read_frame(reader, {}, later);
      skip_blocks(reader);
    }
  }
}

// Rows in the order they are stored: interlaced files send every eighth, and so on.
std::vector<std::size_t> row_order(const Frame& frame) {
  constexpr std::array<std::array<std::size_t, 2>, 4> kPasses = {{{0, 8}, {4, 8}, {2, 4}, {1, 2}}};
  std::vector<std::size_t> order;
  order.reserve(frame.height);
  if (!frame.interlaced) {
    for (std::size_t y = 0; y < frame.height; ++y) order.push_back(y);
    return order;
  }
  for (const auto& [first, step] : kPasses) {
    for (std::size_t y = first; y < frame.height; y += step) order.push_back(y);
  }
  return order;
}

// What giflib reads from: the screen, and then the first frame at once. Pillow passes over any byte
// that starts no block, giflib would stop at one.
struct Input {
  std::span<const std::uint8_t> screen;
  std::span<const std::uint8_t> frame;
};

int read_bytes(GifFileType* gif, GifByteType* buffer, int count) {
  auto& input = *static_cast<Input*>(gif->UserData);
  std::size_t done = 0;
  for (auto* part : {&input.screen, &input.frame}) {
    const std::size_t taken = std::min(part->size(), static_cast<std::size_t>(count) - done);
    std::copy_n(part->begin(), taken, buffer + done);
    *part = part->subspan(taken);
    done += taken;
  }
  return static_cast<int>(done);
}

using Gif = std::unique_ptr<GifFileType, void (*)(GifFileType*)>;

// The file at its first frame, or nothing where giflib finds damage.
Gif open_at_first_image(Input& input) {
  Gif gif(DGifOpen(&input, read_bytes, nullptr),
          [](GifFileType* file) { DGifCloseFile(file, nullptr); });
  GifRecordType kind = UNDEFINED_RECORD_TYPE;
  if (gif && (DGifGetRecordType(gif.get(), &kind) == GIF_ERROR || kind != IMAGE_DESC_RECORD_TYPE ||
              DGifGetImageDesc(gif.get()) == GIF_ERROR)) {
    gif.reset();
  }
  return gif;
}

// True when every code up to the last pixel has a meaning where it stands. DGifGetLine takes codes
// that have none for others; Pillow refuses them (GifDecode.c).
bool codes_are_defined(Input input, const Frame& frame) {
  constexpr int kMaxCodes = 4096;
  const Gif gif = open_at_first_image(input);
  if (!gif) return false;
  const int clear = 1 << frame.color_bits;
  std::array<std::uint32_t, kMaxCodes> pixels;  // that a code stands for
  std::fill_n(pixels.begin(), clear, 1u);
  const std::uint64_t needed = std::uint64_t{frame.width} * frame.height;
  int next = clear + 2;
  int last = -1;  // none after a clear code
  for (std::uint64_t done = 0; done < needed;) {
    int code = 0;
    if (DGifGetLZCodes(gif.get(), &code) == GIF_ERROR || code < 0) return false;
    if (code == clear) {
      next = clear + 2;
      last = -1;
      continue;
    }
    if (last < 0 ? code > clear : code > next) return false;
    if (last >= 0 && next < kMaxCodes) {
      const auto previous = static_cast<std::size_t>(last);
      pixels[static_cast<std::size_t>(next++)] = pixels[previous] + 1;
    }
    done += pixels[static_cast<std::size_t>(code)];
    last = code;
  }
  return true;
}

// The first frame on its canvas; false when giflib finds damage.
bool read_frame_pixels(Input input, const Frame& frame, Image& image) {
  const Gif gif = open_at_first_image(input);
  if (!gif) return false;
  for (const std::size_t y : row_order(frame)) {
    GifByteType* line = row_of(image, frame.top + y).data() + frame.left;
    if (DGifGetLine(gif.get(), line, static_cast<int>(frame.width)) == GIF_ERROR) return false;
  }
  return true;
}

Image paint(const Source& source, const Frame& frame, const Input& input, std::uint32_t width,
            std::uint32_t height) {
  const ImageMode mode = frame.palette.empty() ? ImageMode::gray : ImageMode::palette;
  constexpr std::uint64_t kCodecBytes = 128 << 10;  // tables of codes, twice
  reserve_memory(source, width, height, mode, kCodecBytes + sizeof(std::size_t) * 2 * frame.height);
  const MallocWatch watch;
  if (!codes_are_defined(input, frame)) {
    refuse_damaged(source, watch.failed(), "this GIF file is damaged");
  }
  Image image = blank_image(source, width, height, mode);
  image.palette = frame.palette;
  std::fill(image.pixels.begin(), image.pixels.end(), frame.transparent.value_or(0));
  const MallocWatch watch_pixels;
  if (!read_frame_pixels(input, frame, image)) {
    refuse_damaged(source, watch_pixels.failed(), "this GIF file is damaged");
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
  const auto screen = source.bytes.first(reader.position());

  Frame frame;
  for (std::uint32_t kind = reader.u8(); kind != ','; kind = reader.u8()) {
    if (kind == '!') read_extension(reader, frame);
    if (kind == ';') refuse(source, "this GIF file has no image");
  }
  const auto from_frame = source.bytes.subspan(reader.position() - 1);
  read_frame(reader, global, frame);
  // Like Pillow, enlarge a canvas that the first frame does not fit on.
  width = std::max(width, frame.left + frame.width);
  height = std::max(height, frame.top + frame.height);
  check_pixels(source, width, height);
  check_pixels(source, frame.width, frame.height);
  if (frame.color_bits < 1 || frame.color_bits > 8) {
    refuse(source, "this GIF file has colors of " + std::to_string(frame.color_bits) +
                       " bits, 1 to 8 are expected");
  }
  walk_to_trailer(reader);
  return paint(source, frame, {screen, from_frame}, width, height);
}

}  // namespace llm2clip
