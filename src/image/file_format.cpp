#include "image/file_format.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <string_view>

namespace llm2clip {
namespace {

using namespace std::string_view_literals;

constexpr char kExpected[] = "JPEG, PNG, WebP, BMP, TIFF or GIF is expected";

// How much of a file the descriptions look at.
constexpr std::size_t kHeadBytes = 1024;

std::string_view text_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct Signature {
  std::size_t offset;
  std::string_view bytes;
  std::string_view message;
};

constexpr std::array kOtherFiles = {
    Signature{0, "version https://git-lfs.github.com/spec/"sv,
              "is a Git LFS pointer, not the file itself; run `git lfs pull`"},
    Signature{0,
              "\0\0\0\x01"
              "Bud1"sv,
              "is a .DS_Store file of macOS"},
    Signature{0, "\0\x05\x16\x07"sv, "is an AppleDouble file of macOS, not the image beside it"},
    Signature{0, "%PDF-"sv, "is a PDF file"},
    Signature{0, "%!PS"sv, "is a PostScript file"},
    Signature{0, "\xc5\xd0\xd3\xc6"sv, "is a PostScript file"},
    Signature{0, "PK\x03\x04"sv, "is a ZIP archive"},
    Signature{0, "PK\x05\x06"sv, "is a ZIP archive"},
    Signature{257, "ustar"sv, "is a TAR archive"},
    Signature{0, "\x1f\x8b"sv, "is a gzip file"},
    Signature{0, "BZh"sv, "is a bzip2 file"},
    Signature{0,
              "\xfd"
              "7zXZ\0"sv,
              "is an xz file"},
    Signature{0, "\x28\xb5\x2f\xfd"sv, "is a Zstandard file"},
    Signature{0, "7z\xbc\xaf\x27\x1c"sv, "is a 7-Zip archive"},
    Signature{0, "Rar!\x1a\x07"sv, "is a RAR archive"},
    Signature{4, "ftypavif"sv, "is an AVIF file"},
    Signature{4, "ftypheic"sv, "is a HEIC file"},
    Signature{4, "ftypmif1"sv, "is a HEIF file"},
    Signature{4, "ftyp"sv, "is a video or another ISO media file"},
    Signature{0, "\0\0\0\x0cjP  "sv, "is a JPEG 2000 file"},
    Signature{0, "\xff\x4f\xff\x51"sv, "is a JPEG 2000 file"},
    Signature{0, "\xff\x0a"sv, "is a JPEG XL file"},
    Signature{0, "\0\0\0\x0cJXL "sv, "is a JPEG XL file"},
    Signature{0, "8BPS"sv, "is a Photoshop file"},
    Signature{0, "\0\0\x01\0"sv, "is an icon file"},
    Signature{0, "v/1\x01"sv, "is an OpenEXR file"},
    Signature{0, "#?RADIANCE"sv, "is a Radiance HDR file"},
    Signature{0, "#?RGBE"sv, "is a Radiance HDR file"},
    Signature{128, "DICM"sv, "is a DICOM file"},
    Signature{0, "\x59\xa6\x6a\x95"sv, "is a Sun raster file"},
    Signature{0, "qoif"sv, "is a QOI file"},
    Signature{0, "DDS "sv, "is a DirectDraw surface"},
    Signature{0, "icns"sv, "is an icon file"},
    Signature{0, "\0\0\x02\0"sv, "is a cursor file or a Targa image"},
    Signature{0, "gimp xcf "sv, "is a GIMP file"},
    Signature{0, "II\xbc\x01"sv, "is a JPEG XR file"},
    Signature{0, "\x01\xda"sv, "is an SGI image"},
    Signature{0, "SIMPLE  ="sv, "is a FITS file"},
    Signature{0, "\x89HDF\r\n\x1a\n"sv, "is an HDF5 file"},
    Signature{0, "CDF\x01"sv, "is a NetCDF file"},
    Signature{0, "CDF\x02"sv, "is a NetCDF file"},
    Signature{0, "PAR1"sv, "is a Parquet file"},
    Signature{0, "SQLite format 3\0"sv, "is an SQLite database"},
    Signature{0, "\x1a\x45\xdf\xa3"sv, "is a Matroska or WebM video"},
    Signature{0,
              "\x7f"
              "ELF"sv,
              "is a program"},
    Signature{0, "MZ"sv, "is a program"},
    Signature{0, "\x93NUMPY"sv, "is a NumPy file"},
};

// "P5 640 480 255": netpbm's formats have a letter, a digit and white space, and few bytes besides
// that they could be told by.
bool is_netpbm(std::string_view text) {
  return text.size() > 2 && text[0] == 'P' &&
         ((text[1] >= '1' && text[1] <= '7') || text[1] == 'F' || text[1] == 'f') &&
         (text[2] == ' ' || text[2] == '\n' || text[2] == '\t' || text[2] == '\r');
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

// Good enough for a message: no control characters but white space.
bool is_text(std::string_view head) {
  return std::all_of(head.begin(), head.end(), [](unsigned char c) {
    return c >= 0x20 ? c != 0x7f : (c == '\t' || c == '\n' || c == '\r' || c == '\f');
  });
}

std::string describe_text(std::string_view head) {
  const std::string lower = lower_case(head);
  if (lower.find("<svg") != std::string::npos) return "is an SVG drawing";
  if (lower.find("<!doctype html") != std::string::npos ||
      lower.find("<html") != std::string::npos) {
    return "is an HTML page, perhaps the answer to a failed download";
  }
  return "is a text file";
}

std::string describe_first_bytes(std::span<const std::uint8_t> bytes) {
  std::string message = "is of no known format, it starts with";
  for (const std::uint8_t byte : bytes.first(std::min<std::size_t>(bytes.size(), 8))) {
    std::array<char, 8> hex{};
    std::snprintf(hex.data(), hex.size(), " %02x", static_cast<unsigned>(byte));
    message += hex.data();
  }
  return message;
}

}  // namespace

std::optional<FileFormat> file_format(std::span<const std::uint8_t> bytes) {
  const std::string_view text = text_of(bytes);
  if (text.starts_with("\xff\xd8\xff"sv)) return FileFormat::jpeg;
  if (text.starts_with("\x89PNG\r\n\x1a\n"sv)) return FileFormat::png;
  if (text.starts_with("RIFF"sv) && text.substr(0, 12).ends_with("WEBP"sv)) return FileFormat::webp;
  if (text.starts_with("GIF87a"sv) || text.starts_with("GIF89a"sv)) return FileFormat::gif;
  if (text.starts_with("II*\0"sv) || text.starts_with("MM\0*"sv) || text.starts_with("II+\0"sv) ||
      text.starts_with("MM\0+"sv)) {
    return FileFormat::tiff;
  }
  if (text.starts_with("BM"sv)) return FileFormat::bmp;
  return std::nullopt;
}

std::string describe_other_file(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return std::string("is empty; ") + kExpected;
  const std::string_view text = text_of(bytes);
  for (const Signature& other : kOtherFiles) {
    if (text.size() >= other.offset && text.substr(other.offset).starts_with(other.bytes)) {
      return std::string(other.message) + "; " + kExpected;
    }
  }
  if (is_netpbm(text)) return std::string("is a PNM or PFM image; ") + kExpected;
  if (text.size() >= 12 && text.starts_with("RIFF"sv))
    return std::string("is a RIFF file, but no WebP; ") + kExpected;
  const std::string_view head = text.substr(0, kHeadBytes);
  return (is_text(head) ? describe_text(head) : describe_first_bytes(bytes)) + "; " + kExpected;
}

}  // namespace llm2clip
