#include <new>
#include <stdexcept>

#include "image/file_format.h"
#include "image/formats/decoders.h"
#include "image/read_file.h"
#include "image/read_oriented.h"
#include "llm2clip/error.h"
#include "llm2clip/image.h"

namespace llm2clip {
namespace {

Image decode(const Source& source) {
  const auto format = file_format(source.bytes);
  if (!format) refuse(source, describe_other_file(source.bytes));
  switch (*format) {
    case FileFormat::jpeg:
      return decode_jpeg(source);
    case FileFormat::png:
      return decode_png(source);
    case FileFormat::webp:
      return decode_webp(source);
    case FileFormat::bmp:
      return decode_bmp(source);
    case FileFormat::tiff:
      return decode_tiff(source);
    case FileFormat::gif:
      return decode_gif(source);
  }
  refuse(source, "is of no known format");
}

// What `read` gives. Memory that does not suffice is the image's.
template <typename Read>
Image within_memory(const std::string& name, const Read& read) {
  const auto refuse_memory = [&] {
    return Error(ErrorKind::out_of_memory,
                 name + ": memory does not suffice for this image; lower max_pixels to skip it");
  };
  try {
    return read();
  } catch (const std::bad_alloc&) {
    throw refuse_memory();
  } catch (const std::length_error&) {
    throw refuse_memory();
  }
}

Image decode_within(const Source& source) {
  check_file_size(source.name, source.bytes.size(), source.options);
  Image image = decode(source);
  if (source.options.keep_mode || image.mode == ImageMode::rgb) return image;
  return to_rgb(image);
}

}  // namespace

Image decode_image(std::span<const std::uint8_t> bytes, const std::string& name,
                   const ReadOptions& options) {
  return decode_oriented(bytes, name, options, nullptr);
}

Image read_image(const std::filesystem::path& path, const ReadOptions& options) {
  return read_oriented(path, options, nullptr);
}

Image decode_oriented(std::span<const std::uint8_t> bytes, const std::string& name,
                      const ReadOptions& options, int* orientation) {
  if (orientation != nullptr) *orientation = 1;
  return within_memory(name, [&] { return decode_within({bytes, name, options, orientation}); });
}

Image read_oriented(const std::filesystem::path& path, const ReadOptions& options,
                    int* orientation) {
  const std::string name = path.string();
  return within_memory(
      name, [&] { return decode_oriented(read_file(path, options), name, options, orientation); });
}

}  // namespace llm2clip
