#include "image/orientation.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <string_view>

namespace llm2clip {
namespace {

constexpr int kUpright = 1;

// Pillow's search for tiff:Orientation(="|>)([0-9]).
int xmp_orientation(std::span<const std::uint8_t> xmp) {
  constexpr std::string_view kKey = "tiff:Orientation";
  std::string_view text(reinterpret_cast<const char*>(xmp.data()), xmp.size());
  for (std::size_t at = text.find(kKey); at != text.npos; at = text.find(kKey)) {
    text.remove_prefix(at + kKey.size());
    const std::size_t start = text.starts_with("=\"") ? 2 : text.starts_with(">") ? 1 : 0;
    if (start != 0 && text.size() > start && text[start] >= '0' && text[start] <= '9') {
      return text[start] - '0';
    }
  }
  return kUpright;
}

// Image.Exif reads as far as it can: a directory that lacks its end has the tags before it.
class ExifReader {
 public:
  explicit ExifReader(std::span<const std::uint8_t> bytes)
      : bytes_(bytes), big_endian_(bytes[0] == 'M'), big_tiff_(bytes[2] == 43) {}

  bool big_tiff() const { return big_tiff_; }

  // The last tag 274 of the first directory; nothing without one. One of a type that is no number,
  // or no whole one, counts as 0.
  std::optional<int> orientation() const {
    constexpr std::uint64_t kOrientation = 274;
    const std::size_t word = big_tiff_ ? 8 : 4;
    const auto start = number(big_tiff_ ? 8 : 4, word);
    const std::size_t count_bytes = big_tiff_ ? 8 : 2;
    std::optional<int> found;
    if (!start || !number(*start, count_bytes)) return found;
    const std::uint64_t count = *number(*start, count_bytes);
    std::uint64_t at = *start + count_bytes;
    for (std::uint64_t i = 0; i < count && holds(at, 4 + 2 * word); ++i, at += 4 + 2 * word) {
      const std::uint64_t unit = unit_bytes(*number(at + 2, 2));
      const std::uint64_t values = *number(at + 4, word);
      if (unit == 0 || values == 0) continue;
      if (values > bytes_.size() / unit) break;  // Pillow gives up here
      const std::uint64_t value_at =
          values * unit > word ? *number(at + 4 + word, word) : at + 4 + word;
      if (!holds(value_at, values * unit)) break;
      if (*number(at, 2) == kOrientation) found = whole_number(*number(at + 2, 2), value_at);
    }
    return found;
  }

 private:
  static std::uint64_t unit_bytes(std::uint64_t type) {
    // ImageFileDirectory_v2._load_dispatch.
    constexpr std::array<std::uint8_t, 17> kBytes = {0, 1, 1, 2, 4, 8, 1, 1, 2,
                                                     4, 8, 4, 8, 4, 0, 0, 8};
    return type < kBytes.size() ? kBytes[type] : 0;
  }

  bool holds(std::uint64_t at, std::uint64_t count) const {
    return at <= bytes_.size() && count <= bytes_.size() - at;
  }

  std::optional<std::uint64_t> number(std::uint64_t at, std::size_t count) const {
    if (!holds(at, count)) return std::nullopt;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      value = value << 8 | bytes_[at + (big_endian_ ? i : count - 1 - i)];
    }
    return value;
  }

  // What Python finds equal to one of 1 to 8.
  int whole_number(std::uint64_t type, std::uint64_t at) const {
    double value = 0;
    switch (type) {
      case 3:
      case 8:
        value = static_cast<double>(*number(at, 2));
        break;
      case 4:
      case 9:
      case 13:
        value = static_cast<double>(*number(at, 4));
        break;
      case 6:
        value = static_cast<double>(*number(at, 1));
        break;
      case 5:
      case 10:
        value = static_cast<double>(static_cast<std::int32_t>(*number(at, 4))) /
                static_cast<double>(static_cast<std::int32_t>(*number(at + 4, 4)));
        break;
      case 11:
        value = std::bit_cast<float>(static_cast<std::uint32_t>(*number(at, 4)));
        break;
      case 12:
        value = std::bit_cast<double>(*number(at, 8));
        break;
      case 16:
        value = static_cast<double>(*number(at, 8));
        break;
      default:  // bytes and text
        break;
    }
    return value >= 1 && value <= 8 && value == std::floor(value) ? static_cast<int>(value) : 0;
  }

  std::span<const std::uint8_t> bytes_;
  bool big_endian_;
  bool big_tiff_;
};

constexpr std::size_t kTiffHead = 8;

// TiffImagePlugin.PREFIXES.
bool starts_like_tiff(std::string_view text) {
  using namespace std::string_view_literals;
  constexpr std::array kPrefixes = {"MM\0*"sv, "II*\0"sv, "MM*\0"sv,
                                    "II\0*"sv, "MM\0+"sv, "II+\0"sv};
  return text.size() >= kTiffHead &&
         std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&](std::string_view prefix) { return text.starts_with(prefix); });
}

// Where the pixel (x, y) of the turned image comes from. `right` and `bottom` are the last column
// and row of the original.
struct Point {
  std::size_t x, y;
};

Point origin_of(std::size_t x, std::size_t y, std::size_t right, std::size_t bottom,
                int orientation) {
  switch (orientation) {
    case 2:
      return {right - x, y};
    case 3:
      return {right - x, bottom - y};
    case 4:
      return {x, bottom - y};
    case 5:
      return {y, x};
    case 6:
      return {y, bottom - x};
    case 7:
      return {right - y, bottom - x};
    case 8:
      return {right - y, x};
    default:
      return {x, y};
  }
}

}  // namespace

int orientation_of(std::span<const std::uint8_t> exif, std::span<const std::uint8_t> xmp) {
  constexpr std::string_view kPrefix("Exif\0\0", 6);
  std::string_view text(reinterpret_cast<const char*>(exif.data()), exif.size());
  while (text.starts_with(kPrefix)) text.remove_prefix(kPrefix.size());
  if (text.empty()) return xmp_orientation(xmp);
  // Pillow raises an error for other blocks, and for BigTIFF.
  if (!starts_like_tiff(text)) return kUpright;
  const ExifReader reader(exif.last(text.size()));
  if (reader.big_tiff()) return kUpright;
  return reader.orientation().value_or(xmp_orientation(xmp));
}

int orientation_of_tiff(std::span<const std::uint8_t> file, std::span<const std::uint8_t> xmp) {
  if (file.size() < kTiffHead) return kUpright;
  return ExifReader(file).orientation().value_or(xmp_orientation(xmp));
}

Image apply_orientation(Image image, int orientation) {
  if (orientation < 2 || orientation > 8) return image;
  Image turned = image;
  if (orientation >= 5) std::swap(turned.width, turned.height);
  const std::size_t bytes = bytes_per_pixel(image.mode);
  const auto width = static_cast<std::size_t>(turned.width);
  const auto height = static_cast<std::size_t>(turned.height);
  const auto right = static_cast<std::size_t>(image.width) - 1;
  const auto bottom = static_cast<std::size_t>(image.height) - 1;
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < width; ++x) {
      const Point from = origin_of(x, y, right, bottom, orientation);
      std::memcpy(&turned.pixels[(y * width + x) * bytes],
                  &image.pixels[(from.y * (right + 1) + from.x) * bytes], bytes);
    }
  }
  return turned;
}

}  // namespace llm2clip
