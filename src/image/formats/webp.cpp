#include <webp/decode.h>
#include <webp/demux.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "image/formats/byte_reader.h"
#include "image/formats/decoders.h"
#include "image/orientation.h"

namespace llm2clip {
namespace {

struct Header {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::size_t end = 0;
  std::uint8_t flags = 0;    // of VP8X
  std::uint64_t frames = 0;  // of an animation
  std::span<const std::uint8_t> exif;
  std::span<const std::uint8_t> xmp;
};

// The size of the image, from the chunk that comes first. `data` is that chunk's.
void read_size(const Source& source, std::string_view kind, std::span<const std::uint8_t> data,
               Header& header) {
  const Source chunk{data, source.name, source.options};
  ByteReader reader(chunk, "WebP");
  if (kind == "VP8X") {
    header.flags = static_cast<std::uint8_t>(reader.le32());
    header.width = reader.le24() + 1;
    header.height = reader.le24() + 1;
  } else if (kind == "VP8 ") {
    reader.take(6);
    header.width = reader.le16() & 0x3fff;
    header.height = reader.le16() & 0x3fff;
  } else if (kind == "VP8L") {
    reader.take(1);
    const std::uint32_t sizes = reader.le32();
    header.width = (sizes & 0x3fff) + 1;
    header.height = (sizes >> 14 & 0x3fff) + 1;
  } else {
    refuse(source, "this WebP file does not start with an image");
  }
  check_pixels(source, header.width, header.height);
}

// Walks the chunks to the end that the RIFF header announces.
Header read_header(const Source& source) {
  Header header;
  ByteReader reader(source, "WebP");
  reader.take(4);
  const std::uint64_t size = reader.le32();
  reader.take(std::max<std::uint64_t>(size, 4));
  header.end = reader.position();
  reader.seek(12);
  while (reader.position() + 8 <= header.end) {
    const auto name = reader.take(4);
    const std::string_view kind(reinterpret_cast<const char*>(name.data()), name.size());
    const std::uint32_t length = reader.le32();
    if (length > header.end - reader.position()) refuse_truncated(source, "WebP");
    const auto data = reader.take(length);
    if (header.width == 0) read_size(source, kind, data, header);
    if (kind == "ANMF") ++header.frames;
    // WebPDemuxGetChunk gives the first, where the flags announce it.
    if (kind == "EXIF" && (header.flags & EXIF_FLAG) != 0 && header.exif.empty()) {
      header.exif = data;
    }
    if (kind == "XMP " && (header.flags & XMP_FLAG) != 0 && header.xmp.empty()) header.xmp = data;
    if (length % 2 == 1 && reader.position() < header.end) reader.take(1);
  }
  if (header.width == 0) refuse_truncated(source, "WebP");
  return header;
}

// What libwebp takes beside the pixels it gives. Tables of a lossless image: as many as libwebp's
// own encoder makes at most (MAX_HUFF_IMAGE_SIZE).
std::uint64_t codec_bytes(const Header& header, const WebPBitstreamFeatures& features) {
  constexpr int kLossy = 1, kLossless = 2;  // else unknown, or different from frame to frame
  constexpr std::uint64_t kMostTables = 2600, kTableBytes = 12 << 10;
  constexpr std::uint64_t kRows = 400;  // bytes a column: macroblocks, filters, rows of a cache
  constexpr std::uint64_t kFrameBytes = 160;
  const std::uint64_t count = std::uint64_t{header.width} * header.height;
  const std::uint64_t lossless =
      4 * count + count / 2 + std::min(kMostTables, count / 16 + 1) * kTableBytes;
  const bool may_have_alpha = features.has_alpha != 0 || header.flags != 0;
  std::uint64_t bytes = kRows * header.width + kFrameBytes * header.frames;
  if (features.format == kLossless) return bytes + lossless;
  if (features.format == kLossy && !may_have_alpha) return bytes;
  return bytes + count + lossless;  // the plane of alpha is packed like a lossless image
}

using Demuxer = std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)>;

// Decodes a frame to its place on the canvas, of which the rest stays as it is.
VP8StatusCode decode_frame(const WebPIterator& frame, WEBP_CSP_MODE mode, Image& canvas) {
  const std::size_t pixel_bytes = mode == MODE_RGBA ? 4 : 3;
  const std::size_t stride = static_cast<std::size_t>(canvas.width) * pixel_bytes;
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) return VP8_STATUS_INVALID_PARAM;
  config.output.colorspace = mode;
  config.output.is_external_memory = 1;
  WebPRGBABuffer& buffer = config.output.u.RGBA;
  buffer.rgba = canvas.pixels.data() + static_cast<std::size_t>(frame.y_offset) * stride +
                static_cast<std::size_t>(frame.x_offset) * pixel_bytes;
  buffer.stride = static_cast<int>(stride);
  buffer.size = static_cast<std::size_t>(frame.height - 1) * stride +
                static_cast<std::size_t>(frame.width) * pixel_bytes;
  return WebPDecode(frame.fragment.bytes, frame.fragment.size, &config);
}

bool lies_on(const WebPIterator& frame, const Header& header) {
  return frame.x_offset >= 0 && frame.y_offset >= 0 && frame.width > 0 && frame.height > 0 &&
         static_cast<std::uint32_t>(frame.x_offset + frame.width) <= header.width &&
         static_cast<std::uint32_t>(frame.y_offset + frame.height) <= header.height;
}

// The first frame on a canvas of zeros, as WebPAnimDecoder has it, which WebPImagePlugin uses for
// stills too. That one keeps two canvases beside the result and does not say when memory fails.
Image first_frame(const Source& source, const Header& header, const WebPIterator& frame,
                  bool alpha) {
  constexpr char kDamaged[] = "this WebP file is damaged";
  if (!lies_on(frame, header)) refuse(source, kDamaged);
  // Alpha that the header does not announce is decoded, because it may be damaged, and dropped.
  const bool direct = alpha || frame.has_alpha == 0;
  const ImageMode mode = alpha ? ImageMode::rgba : ImageMode::rgb;
  Image canvas = blank_image(source, header.width, header.height, direct ? mode : ImageMode::rgba);
  check_small_memory();
  const MallocWatch watch;
  const VP8StatusCode status =
      decode_frame(frame, canvas.mode == ImageMode::rgba ? MODE_RGBA : MODE_RGB, canvas);
  if (status != VP8_STATUS_OK) {
    refuse_damaged(source, watch.failed() || status == VP8_STATUS_OUT_OF_MEMORY, kDamaged);
  }
  return direct ? std::move(canvas) : to_rgb(canvas);
}

Image decode(const Source& source, const Header& header) {
  constexpr char kDamaged[] = "this WebP file is damaged";
  const MallocWatch watch;
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(source.bytes.data(), header.end, &features) != VP8_STATUS_OK) {
    refuse_damaged(source, watch.failed(), kDamaged);
  }
  const bool alpha = features.has_alpha != 0;
  reserve_memory(
      source, header.width, header.height, alpha ? ImageMode::rgba : ImageMode::rgb,
      codec_bytes(header, features) +
          (alpha || header.flags == 0 ? 0 : 4 * std::uint64_t{header.width} * header.height));
  const MallocWatch demux_watch;
  const WebPData data{source.bytes.data(), header.end};
  const Demuxer demuxer(WebPDemux(&data), WebPDemuxDelete);
  WebPIterator frame{};
  if (demuxer == nullptr || WebPDemuxGetFrame(demuxer.get(), 1, &frame) == 0) {
    refuse_damaged(source, demux_watch.failed(), kDamaged);
  }
  if (WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH) != header.width ||
      WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT) != header.height) {
    refuse(source, "this WebP file states two sizes");
  }
  return first_frame(source, header, frame, alpha);
}

}  // namespace

Image decode_webp(const Source& source) {
  const Header header = read_header(source);
  Image image = decode(source, header);
  if (!source.reads_orientation()) return image;
  return turned(source, std::move(image), orientation_of(header.exif, header.xmp));
}

}  // namespace llm2clip
