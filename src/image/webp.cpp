#include <webp/decode.h>
#include <webp/demux.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "image/byte_reader.h"
#include "image/decoders.h"
#include "image/orientation.h"

namespace llm2clip {
namespace {

struct Header {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::size_t end = 0;
  std::span<const std::uint8_t> exif;
  std::span<const std::uint8_t> xmp;
};

// The size of the picture, from the chunk that comes first. `data` is that chunk's.
void read_size(const Source& source, std::string_view kind, std::span<const std::uint8_t> data,
               Header& header) {
  const Source chunk{data, source.name, source.options};
  ByteReader reader(chunk, "WebP");
  if (kind == "VP8X") {
    reader.take(4);
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
    if (kind == "EXIF") header.exif = data;
    if (kind == "XMP ") header.xmp = data;
    if (length % 2 == 1 && reader.position() < header.end) reader.take(1);
  }
  if (header.width == 0) refuse_truncated(source, "WebP");
  return header;
}

// Image.Exif.load drops this prefix, which some programs write.
std::span<const std::uint8_t> without_exif_prefix(std::span<const std::uint8_t> exif) {
  constexpr std::string_view kPrefix("Exif\0\0", 6);
  const std::string_view text(reinterpret_cast<const char*>(exif.data()), exif.size());
  return text.starts_with(kPrefix) ? exif.subspan(kPrefix.size()) : exif;
}

using Decoder = std::unique_ptr<WebPAnimDecoder, decltype(&WebPAnimDecoderDelete)>;

// The first frame on its canvas, RGBA. WebPImagePlugin decodes stills with the animation decoder
// too, and so do we: it is what decides about the pixels around a small frame.
const std::uint8_t* first_frame(const Source& source, const Header& header,
                                const Decoder& decoder) {
  WebPAnimInfo info;
  if (decoder == nullptr || WebPAnimDecoderGetInfo(decoder.get(), &info) == 0) {
    refuse(source, "this WebP file is damaged");
  }
  if (info.canvas_width != header.width || info.canvas_height != header.height) {
    refuse(source, "this WebP file states two sizes");
  }
  std::uint8_t* canvas = nullptr;
  int timestamp = 0;
  if (WebPAnimDecoderGetNext(decoder.get(), &canvas, &timestamp) == 0) {
    refuse(source, "this WebP file is damaged");
  }
  return canvas;
}

Image decode(const Source& source, const Header& header) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(source.bytes.data(), header.end, &features) != VP8_STATUS_OK) {
    refuse(source, "this WebP file is damaged");
  }
  WebPAnimDecoderOptions options;
  WebPAnimDecoderOptionsInit(&options);
  options.color_mode = MODE_RGBA;
  const WebPData data{source.bytes.data(), header.end};
  const Decoder decoder(WebPAnimDecoderNew(&data, &options), WebPAnimDecoderDelete);
  const std::uint8_t* canvas = first_frame(source, header, decoder);

  const bool alpha = features.has_alpha != 0;
  Image image =
      blank_image(source, header.width, header.height, alpha ? ImageMode::rgba : ImageMode::rgb);
  const std::size_t channels = alpha ? 4 : 3;
  for (std::size_t i = 0; i < image.pixels.size() / channels; ++i) {
    std::copy_n(canvas + 4 * i, channels, &image.pixels[channels * i]);
  }
  return image;
}

}  // namespace

Image decode_webp(const Source& source) {
  const Header header = read_header(source);
  Image image = decode(source, header);
  if (!source.options.apply_orientation) return image;
  return apply_orientation(std::move(image),
                           orientation_of(without_exif_prefix(header.exif), header.xmp));
}

}  // namespace llm2clip
