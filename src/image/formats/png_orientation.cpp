#include "image/formats/png_orientation.h"

#include <zlib.h>

#include <algorithm>
#include <cctype>
#include <new>
#include <optional>
#include <string>
#include <string_view>

#include "image/orientation.h"

namespace llm2clip {
namespace {

constexpr int kUpright = 1;

// PngImagePlugin.MAX_TEXT_CHUNK and MAX_TEXT_MEMORY. Pillow refuses files with more.
constexpr std::size_t kMaxText = 1 << 20;
constexpr std::size_t kMaxAllTexts = 64 * kMaxText;

std::string_view text_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::uint32_t big_endian_32(const char* bytes) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<std::uint8_t>(bytes[i]);
  return value;
}

// What comes before the next zero, which is taken from `rest` with it; nothing without a zero.
std::optional<std::string_view> take_field(std::string_view& rest) {
  const std::size_t end = rest.find('\0');
  if (end == rest.npos) return std::nullopt;
  const std::string_view field = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return field;
}

enum class Inflated { good, damaged, too_large };

// PngImagePlugin._safe_zlib_decompress. Data that lacks its end gives what is there.
Inflated inflate_text(std::string_view packed, std::string& text) {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) throw std::bad_alloc();
  text.resize(kMaxText);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  const int result = inflate(&stream, Z_SYNC_FLUSH);
  const bool full = stream.avail_out == 0 && stream.avail_in != 0 && result != Z_STREAM_END;
  text.resize(stream.total_out);
  inflateEnd(&stream);
  if (result == Z_MEM_ERROR) throw std::bad_alloc();
  if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) return Inflated::damaged;
  return full ? Inflated::too_large : Inflated::good;
}

// PngStream.im_info, as far as Image.getexif looks into it. The last of several counts.
class Texts {
 public:
  // False where Pillow would refuse the file for this chunk.
  bool add(std::string_view kind, std::string_view data) {
    if (kind == "eXIf") set_exif(data);
    if (kind == "tEXt") return add_plain(data);
    if (kind == "zTXt") return add_compressed(data);
    if (kind == "iTXt") return add_international(data);
    return true;
  }

  int orientation() const {
    const std::string& xmp = xmp_text_.empty() ? xmp_ : xmp_text_;
    if (exif_is_text_) return kUpright;
    if (exif_) return orientation_of(bytes_of(*exif_), bytes_of(xmp));
    if (!profile_) return orientation_of({}, bytes_of(xmp));
    const std::optional<std::string> exif = profile_bytes(*profile_);
    return exif ? orientation_of(bytes_of(*exif), bytes_of(xmp)) : kUpright;
  }

 private:
  void set_exif(std::string_view data) {
    exif_ = data;
    exif_is_text_ = false;
  }

  static bool is_wanted(std::string_view key) {
    return key == kProfileKey || key == kXmpKey || key == kExifKey;
  }

  void set_text(std::string_view key, std::string_view value) {
    if (key == kProfileKey) profile_ = value;
    if (key == kXmpKey) xmp_text_ = value;
    if (key == kExifKey) exif_is_text_ = true;
  }

  bool add_plain(std::string_view data) {
    std::string_view value = data;
    const std::string_view key = take_field(value).value_or(data);
    if (key.size() == data.size()) value = {};
    if (key == kExifKey) {
      set_exif(value);
    } else {
      set_text(key, value);
    }
    return true;
  }

  bool add_compressed(std::string_view data) {
    std::string_view value = data;
    const std::string_view key = take_field(value).value_or(data);
    if (key.size() == data.size()) value = {};
    if (!value.empty() && value[0] != 0) return false;
    if (!is_wanted(key)) return true;
    std::string text;
    switch (inflate_text(value.empty() ? value : value.substr(1), text)) {
      case Inflated::too_large:
        return false;
      case Inflated::damaged:
        text.clear();
        break;
      case Inflated::good:
        break;
    }
    set_text(key, text);
    return count(text);
  }

  bool add_international(std::string_view data) {
    std::string_view rest = data;
    const auto key = take_field(rest);
    if (!key || rest.size() < 2 || !is_wanted(*key)) return true;
    const bool compressed = rest[0] != 0;
    const bool deflate = rest[1] == 0;
    rest.remove_prefix(2);
    if (!take_field(rest) || !take_field(rest)) return true;  // language and translated key
    std::string text(compressed ? std::string_view() : rest);
    if (compressed) {
      if (!deflate) return true;
      const Inflated inflated = inflate_text(rest, text);
      if (inflated == Inflated::too_large) return false;
      if (inflated == Inflated::damaged) return true;
    }
    if (*key == kXmpKey) xmp_ = text;
    set_text(*key, text);
    return count(text);
  }

  bool count(const std::string& text) {
    all_texts_ += text.size();
    return all_texts_ <= kMaxAllTexts;
  }

  // bytes.fromhex of all lines but the first three.
  static std::optional<std::string> profile_bytes(std::string_view profile) {
    for (int line = 0; line < 3; ++line) {
      const std::size_t end = profile.find('\n');
      profile.remove_prefix(end == profile.npos ? profile.size() : end + 1);
    }
    std::string digits(profile);
    std::erase(digits, '\n');
    std::string bytes;
    for (std::size_t i = 0; i < digits.size(); ++i) {
      if (std::isspace(static_cast<unsigned char>(digits[i])) != 0) continue;
      const int high = digit(digits[i]);
      const int low = i + 1 < digits.size() ? digit(digits[i + 1]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      bytes.push_back(static_cast<char>(high << 4 | low));
      ++i;
    }
    return bytes;
  }

  static int digit(char character) {
    if (character >= '0' && character <= '9') return character - '0';
    if (character >= 'a' && character <= 'f') return character - 'a' + 10;
    if (character >= 'A' && character <= 'F') return character - 'A' + 10;
    return -1;
  }

  static constexpr std::string_view kProfileKey = "Raw profile type exif";
  static constexpr std::string_view kXmpKey = "XML:com.adobe.xmp";
  static constexpr std::string_view kExifKey = "exif";

  std::optional<std::string_view> exif_;
  bool exif_is_text_ = false;  // of a kind that Exif.load does not take
  std::optional<std::string> profile_;
  std::string xmp_text_;
  std::string xmp_;
  std::size_t all_texts_ = 0;
};

// acTL: a later one takes the first back.
bool is_animated(std::string_view data, bool before) {
  if (data.size() < 8) return before;
  const std::uint32_t frames = big_endian_32(data.data());
  return !before && frames > 1 && frames <= 0x80000000u;
}

}  // namespace

int png_orientation(std::span<const std::uint8_t> file) {
  constexpr std::size_t kSignature = 8, kHead = 8, kChecksum = 4;
  Texts texts;
  bool animated = false;
  bool after_pixels = false;
  std::string_view rest = text_of(file).substr(kSignature);
  while (rest.size() >= kHead + kChecksum) {
    const std::size_t length = big_endian_32(rest.data());
    const std::string_view kind = rest.substr(4, 4);
    if (length > rest.size() - kHead - kChecksum || kind == "IEND") break;
    const std::string_view data = rest.substr(kHead, length);
    if (kind == "acTL" && !after_pixels) animated = is_animated(data, animated);
    if (kind == "fcTL" && animated && after_pixels) break;  // Pillow has its frame
    if (!texts.add(kind, data)) return kUpright;
    after_pixels = after_pixels || kind == "IDAT";
    rest.remove_prefix(kHead + length + kChecksum);
  }
  return texts.orientation();
}

}  // namespace llm2clip
