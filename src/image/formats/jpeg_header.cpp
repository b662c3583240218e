#include "image/formats/jpeg_header.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "image/formats/byte_reader.h"

namespace llm2clip {
namespace {

using namespace std::string_view_literals;

constexpr std::uint32_t kTem = 0x01, kDht = 0xc4, kJpg = 0xc8, kDac = 0xcc;
constexpr std::uint32_t kRst0 = 0xd0, kRst7 = 0xd7, kSoi = 0xd8, kEoi = 0xd9, kSos = 0xda;
constexpr std::uint32_t kDri = 0xdd, kDhp = 0xde, kExp = 0xdf, kApp1 = 0xe1;
constexpr std::uint32_t kJpg0 = 0xf0, kJpg13 = 0xfd;

bool is_frame(std::uint32_t marker) {
  return marker >= 0xc0 && marker <= 0xcf && marker != kDht && marker != kJpg && marker != kDac;
}

bool is_progressive(const JpegHeader& header) {
  return header.process == 0xc2 || header.process == 0xca;
}

bool has_no_length(std::uint32_t marker) {
  return marker == kTem || (marker >= kRst0 && marker <= kRst7);
}

bool is_reserved(std::uint32_t marker) { return marker > kTem && marker < 0xc0; }

// Of no meaning to libjpeg, or a second start: it ends with an error where it meets one.
bool is_unknown(std::uint32_t marker) {
  return is_reserved(marker) || marker == kSoi || marker == kJpg || marker == kDhp ||
         marker == kExp || (marker >= kJpg0 && marker <= kJpg13);
}

// The next marker. Bytes before it are skipped, as Pillow and libjpeg do.
std::uint32_t next_marker(ByteReader& reader) {
  while (reader.u8() != 0xff) {
  }
  std::uint32_t marker = reader.u8();
  while (marker == 0xff) marker = reader.u8();
  return marker;
}

// jdmaster and jdcoefct: a component has as many blocks as its share of the image, filled up to
// whole MCUs.
std::uint64_t count_coefficients(const JpegHeader& header, std::span<const std::uint8_t> frame) {
  constexpr std::uint64_t kBlockSide = 8;
  std::uint64_t widest = 1;
  std::uint64_t highest = 1;
  for (std::size_t at = 7; at < frame.size(); at += 3) {
    widest = std::max<std::uint64_t>(widest, frame[at] >> 4);
    highest = std::max<std::uint64_t>(highest, frame[at] & 15);
  }
  const auto units = [](std::uint64_t length, std::uint64_t unit) {
    return (length + unit - 1) / unit;
  };
  const std::uint64_t across = units(header.width, widest * kBlockSide);
  const std::uint64_t down = units(header.height, highest * kBlockSide);
  std::uint64_t blocks = 0;
  for (std::size_t at = 7; at < frame.size(); at += 3) {
    blocks += across * (frame[at] >> 4) * down * (frame[at] & 15);
  }
  return blocks * kBlockSide * kBlockSide;
}

void read_frame(const Source& source, std::uint32_t marker, std::span<const std::uint8_t> segment,
                JpegHeader& header) {
  if (header.process != 0) refuse(source, "this JPEG file has two frame headers");
  if (segment.size() < 6) refuse_truncated(source, "JPEG");
  header.process = marker;
  header.height = segment[1] * 256u + segment[2];
  header.width = segment[3] * 256u + segment[4];
  header.components = segment[5];
  if (segment[0] != 8) {
    refuse(source,
           "this JPEG file has samples of " + std::to_string(segment[0]) + " bits; 8 are expected");
  }
  // Baseline, extended and progressive, with Huffman or arithmetic coding.
  if (marker != 0xc0 && marker != 0xc1 && marker != 0xc2 && marker != 0xc9 && marker != 0xca) {
    refuse(source, "this JPEG file is lossless or hierarchical; baseline or progressive expected");
  }
  if (header.components != 1 && header.components != 3 && header.components != 4) {
    refuse(source, "this JPEG file has " + std::to_string(header.components) +
                       " color components; 1, 3 or 4 are expected");
  }
  check_pixels(source, header.width, header.height);
  header.coefficients = count_coefficients(header, segment);
  header.buffered = is_progressive(header);
}

// JpegImagePlugin.APP: EXIF blocks are joined, the last XMP packet counts.
void read_app1(const Source& source, std::span<const std::uint8_t> segment, JpegHeader& header) {
  if (!source.reads_orientation()) return;
  constexpr auto kExif = "Exif\0\0"sv;
  constexpr auto kXmp = "http://ns.adobe.com/xap/1.0/\0"sv;
  const std::string_view text(reinterpret_cast<const char*>(segment.data()), segment.size());
  if (text.starts_with(kExif)) {
    const auto block = segment.subspan(kExif.size());
    header.exif.insert(header.exif.end(), block.begin(), block.end());
  } else if (text.starts_with(kXmp)) {
    header.xmp = segment.subspan(kXmp.size());
  }
}

// Moves to the marker that ends a scan: 0xff is data when 0 follows, and a restart marker belongs
// to the scan. In a file with restart markers libjpeg looks for the next one after damage, and so
// passes over what is no marker, unless it stands after the last.
void skip_scan_data(ByteReader& reader, bool has_restarts) {
  const auto rest = reader.take(reader.remaining());
  const std::size_t start = reader.position() - rest.size();
  const std::uint8_t* const end = rest.data() + rest.size();
  const std::uint8_t* passed = nullptr;
  for (const std::uint8_t* at = rest.data(); at != end;) {
    at =
        static_cast<const std::uint8_t*>(std::memchr(at, 0xff, static_cast<std::size_t>(end - at)));
    if (at == nullptr || at + 1 == end) return;  // at the end, where the next read finds nothing
    const std::uint8_t next = at[1];
    if (next >= kRst0 && next <= kRst7) {
      passed = nullptr;
    } else if (has_restarts && is_reserved(next)) {
      passed = passed == nullptr ? at : passed;
    } else if (next != 0 && next != 0xff) {
      const std::uint8_t* const marker = passed == nullptr ? at : passed;
      return reader.seek(start + static_cast<std::size_t>(marker - rest.data()));
    }
    at += next == 0xff ? 1 : 2;
  }
}

// How far the scans of a progressive file have come with each coefficient of each component.
class Progress {
 public:
  void start(std::span<const std::uint8_t> frame) {
    for (std::size_t at = 6; at < frame.size() && ids_.size() < frame[5]; at += 3) {
      ids_.push_back(frame[at]);
    }
    missing_bits_.assign(ids_.size(), Bits{});
    for (Bits& bits : missing_bits_) bits.fill(kNotSent);
  }

  // The segment has passed check_scan.
  void scan(std::span<const std::uint8_t> segment) {
    const std::size_t count = segment[0];
    const std::uint8_t* band = &segment[1 + 2 * count];
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      for (std::size_t j = 0; j < count; ++j) {
        if (segment[1 + 2 * j] != ids_[i]) continue;
        for (std::size_t k = band[0]; k <= band[1] && k < kSmoothed; ++k) {
          missing_bits_[i][k] = band[2] & 15;
        }
      }
    }
  }

  bool complete() const {
    for (const Bits& bits : missing_bits_) {
      for (const std::uint8_t missing : bits) {
        if (missing != 0) return false;
      }
    }
    return true;
  }

 private:
  // libjpeg smooths the blocks of an image in which one of the first coefficients is not exact.
  static constexpr std::size_t kSmoothed = 10;
  static constexpr std::uint8_t kNotSent = 16;
  using Bits = std::array<std::uint8_t, kSmoothed>;

  std::vector<std::uint8_t> ids_;
  std::vector<Bits> missing_bits_;
};

void count_scan(const Source& source, const JpegHeader& header, int& scans) {
  if (header.process == 0) refuse(source, "this JPEG file has image data before its header");
  const ReadOptions& options = source.options;
  if (++scans > options.max_scans) {
    refuse(source, "this JPEG file has more than " + std::to_string(options.max_scans) +
                       " scans, which no camera or program writes; it is made to waste time; raise "
                       "max_scans if you trust the file");
  }
  // A JPEG has fewer than 2^32 pixels.
  const std::uint64_t pixels = std::uint64_t{header.width} * header.height;
  if (pixels * static_cast<std::uint64_t>(scans) > options.max_scan_pixels) {
    refuse(source, "this JPEG file has " + std::to_string(pixels) + " pixels in " +
                       std::to_string(scans) + " or more scans, limit " +
                       std::to_string(options.max_scan_pixels) +
                       " pixels times scans; raise max_scan_pixels if you trust the file");
  }
}

// libjpeg looks at the length, so that image data that looks like a scan seldom starts one.
void check_scan(const Source& source, std::span<const std::uint8_t> segment) {
  const std::size_t count = segment.empty() ? 0 : segment[0];
  if (count < 1 || count > 4 || segment.size() != 4 + 2 * count) {
    refuse(source, "this JPEG file is damaged: it has a scan header of the wrong length");
  }
}

// What is known of a file while its markers are walked.
struct Walk {
  JpegHeader header;
  Progress progress;
  int scans = 0;
  bool has_restarts = false;
};

void read_scan(const Source& source, std::span<const std::uint8_t> segment, ByteReader& reader,
               Walk& walk) {
  count_scan(source, walk.header, walk.scans);
  check_scan(source, segment);
  if (segment[0] < walk.header.components) walk.header.buffered = true;
  walk.progress.scan(segment);
  skip_scan_data(reader, walk.has_restarts);
}

void read_segment(const Source& source, std::uint32_t marker, ByteReader& reader, Walk& walk) {
  const std::uint32_t length = reader.be16();
  if (length < 2) refuse(source, "this JPEG file has a segment of impossible length");
  const auto segment = reader.take(length - 2);
  if (is_frame(marker)) {
    read_frame(source, marker, segment, walk.header);
    walk.progress.start(segment);
  }
  if (marker == kDri && segment.size() == 2) walk.has_restarts = segment[0] != 0 || segment[1] != 0;
  if (marker == kApp1 && walk.scans == 0) read_app1(source, segment, walk.header);
  if (marker == kSos) read_scan(source, segment, reader, walk);
}

}  // namespace

std::uint64_t jpeg_codec_bytes(const JpegHeader& header) {
  // Groups of rows that are upsampled: up to 4 * 8 of each component, with those above and below.
  constexpr std::uint64_t kRowsAtOnce = 64;
  constexpr std::uint64_t kCoefficientBytes = 2;
  return kRowsAtOnce * header.width * header.components +
         (header.buffered ? kCoefficientBytes * header.coefficients : 0);
}

JpegHeader read_jpeg_header(const Source& source) {
  Walk walk;
  ByteReader reader(source, "JPEG");
  reader.seek(2);
  for (;;) {
    const std::uint32_t marker = next_marker(reader);
    if (marker == kEoi) break;
    // Pillow's own walk to the first scan knows no TEM.
    if (is_unknown(marker) || (marker == kTem && walk.scans == 0)) {
      refuse(source, "this JPEG file is damaged: it has a marker out of place");
    }
    if (marker == 0 || has_no_length(marker)) continue;
    read_segment(source, marker, reader, walk);
  }
  if (walk.scans == 0) refuse(source, "this JPEG file ends before its image data");
  if (is_progressive(walk.header) && !walk.progress.complete()) {
    // Each version of libjpeg-turbo makes up the missing detail in its own way.
    refuse(source, "this progressive JPEG file lacks its last scans; fetch or write it again");
  }
  walk.header.end = reader.position();
  return walk.header;
}

}  // namespace llm2clip
