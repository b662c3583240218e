#pragma once

#include <cstdint>
#include <vector>

#include "image/formats/tiff_directory.h"
#include "image/source.h"

namespace llm2clip {

/// How the samples of a stored pixel become those of a mode.
struct TiffLayout {
  ImageMode mode = ImageMode::gray;
  unsigned bits = 8;     ///< of a stored sample
  unsigned samples = 1;  ///< stored for a pixel, those that are dropped included
  bool invert = false;   ///< white is zero
  bool premultiplied = false;
};

/// What the first page's directory says about its pixels.
struct TiffHeader {
  std::uint64_t width = 0;
  std::uint64_t height = 0;
  std::uint64_t compression = 1;
  std::uint64_t photometric = 0;
  std::uint64_t sample_format = 1;
  std::uint64_t fill_order = 1;
  std::uint64_t planar = 1;
  std::vector<std::uint64_t> bits;
  std::vector<std::uint64_t> extra;
  bool big_endian = false;
  int orientation = 1;
  TiffLayout layout;
  std::vector<std::uint8_t> palette;
  bool tiled = false;
  std::uint64_t block_width = 0;  ///< of a strip or tile
  std::uint64_t block_height = 0;
  TiffNumbers offsets;                 ///< of the strips or tiles
  std::uint64_t most_block_bytes = 0;  ///< of the largest of them, as it is stored
  std::uint64_t codec_bytes = 0;       ///< what the codec of one takes besides
  std::uint64_t tag_bytes = 0;         ///< of all values of the directory

  bool compressed() const { return compression != 1; }
};

/// Walks the directories, the strips and tiles and the JPEGs in them. Refuses what lacks its end,
/// is beyond the limits, or is of a kind that is not read the way Pillow reads it.
TiffHeader read_tiff_header(const Source& source);

/// Of a row of a strip or tile, unpacked from its compression.
std::size_t block_row_bytes(const Source& source, const TiffHeader& header);

/// From row to row of a strip or tile that is not compressed, as TiffImagePlugin._setup has it.
/// `left`: where it stands in the image.
std::size_t raw_row_stride(const Source& source, const TiffHeader& header, std::uint64_t left);

/// Of the part of such a row that lies in the image.
std::size_t raw_row_bytes(const Source& source, const TiffHeader& header, std::uint64_t left);

}  // namespace llm2clip
