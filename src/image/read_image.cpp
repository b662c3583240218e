#include <new>
#include <stdexcept>

#include "image/file_format.h"
#include "image/formats/decoders.h"
#include "image/read_file.h"
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

[[noreturn]] void throw_out_of_memory(const std::string& name) {
  throw Error(ErrorKind::out_of_memory,
              name + ": memory does not suffice for this image; lower max_pixels to skip it");
}

}  // namespace

Image decode_image(std::span<const std::uint8_t> bytes, const std::string& name,
                   const ReadOptions& options) {
  const Source source{bytes, name, options};
  check_file_size(name, bytes.size(), options);
  try {
    Image image = decode(source);
    if (options.keep_mode || image.mode == ImageMode::rgb) return image;
    return to_rgb(image);
  } catch (const std::bad_alloc&) {
    throw_out_of_memory(name);
  } catch (const std::length_error&) {
    throw_out_of_memory(name);
  }
}

Image read_image(const std::filesystem::path& path, const ReadOptions& options) {
  const std::string name = path.string();
  try {
    return decode_image(read_file(path, options), name, options);
  } catch (const std::bad_alloc&) {
    throw_out_of_memory(name);
  } catch (const std::length_error&) {
    throw_out_of_memory(name);
  }
}

}  // namespace llm2clip
