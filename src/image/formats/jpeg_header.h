#pragma once

#include <cstdint>
#include <vector>

#include "image/source.h"

namespace llm2clip {

/// What the markers of a JPEG file say about it.
struct JpegHeader {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  unsigned components = 0;
  unsigned process = 0;            ///< the SOF marker's low byte: 0xc0 baseline, 0xc2 progressive
  bool buffered = false;           ///< libjpeg keeps all coefficients: several scans make the image
  std::uint64_t coefficients = 0;  ///< of all blocks of all components
  std::size_t end = 0;             ///< position after the end-of-image marker
  std::vector<std::uint8_t> exif;  ///< the EXIF block from its TIFF header on, if it is applied
  std::span<const std::uint8_t> xmp;
};

/// What libjpeg takes beside the pixels it gives. Bytes.
std::uint64_t jpeg_codec_bytes(const JpegHeader& header);

/// Walks all markers from start to end of the image. Refuses what has no end-of-image marker, more
/// pixels or scans than allowed, or a kind of coding that Pillow does not read as L, RGB or CMYK.
JpegHeader read_jpeg_header(const Source& source);

}  // namespace llm2clip
