#include "llm2clip/image.h"

#include "c/arguments.h"
#include "c/handles.h"
#include "c/options.h"
#include "llm2clip/preprocess.h"
#include "llm2clip/thumbnail.h"

namespace llm2clip::c {
namespace {

// The C numbers are those of the C++ enumerators, in their order.
static_assert(static_cast<int>(ImageMode::bilevel) == LLM2CLIP_IMAGE_BILEVEL);
static_assert(static_cast<int>(ImageMode::gray) == LLM2CLIP_IMAGE_GRAY);
static_assert(static_cast<int>(ImageMode::gray_alpha) == LLM2CLIP_IMAGE_GRAY_ALPHA);
static_assert(static_cast<int>(ImageMode::palette) == LLM2CLIP_IMAGE_PALETTE);
static_assert(static_cast<int>(ImageMode::rgb) == LLM2CLIP_IMAGE_RGB);
static_assert(static_cast<int>(ImageMode::rgba) == LLM2CLIP_IMAGE_RGBA);
static_assert(static_cast<int>(ImageMode::cmyk) == LLM2CLIP_IMAGE_CMYK);
static_assert(static_cast<int>(ImageMode::gray16) == LLM2CLIP_IMAGE_GRAY16);
static_assert(static_cast<int>(ImageMode::int32) == LLM2CLIP_IMAGE_INT32);
static_assert(static_cast<int>(ImageMode::float32) == LLM2CLIP_IMAGE_FLOAT32);
static_assert(static_cast<int>(ChannelOrder::rgb) == LLM2CLIP_CHANNELS_RGB);
static_assert(static_cast<int>(ChannelOrder::bgr) == LLM2CLIP_CHANNELS_BGR);

ImageMode mode_of(llm2clip_image_mode mode) {
  if (mode < LLM2CLIP_IMAGE_BILEVEL || mode > LLM2CLIP_IMAGE_FLOAT32) {
    refuse("mode", "no mode has the number " + std::to_string(mode));
  }
  return static_cast<ImageMode>(mode);
}

// Checked before the copy, so that a wrong size is told to whoever passed it.
void check_pixels(ImageMode mode, int32_t width, int32_t height, size_t byte_count) {
  if (width < 1 || height < 1) {
    refuse("image", "is " + std::to_string(width) + "x" + std::to_string(height) +
                        ", at least 1x1 is expected");
  }
  const std::size_t row_bytes = static_cast<std::size_t>(width) * bytes_per_pixel(mode);
  // Divided, because the product may not fit.
  const auto rows = static_cast<std::size_t>(height);
  if (byte_count % row_bytes != 0 || byte_count / row_bytes != rows) {
    refuse("pixels", std::to_string(byte_count) + " bytes, " + std::to_string(height) +
                         " rows of " + std::to_string(row_bytes) + " are expected");
  }
}

void check_palette(ImageMode mode, size_t byte_count) {
  if (byte_count > 0 && mode != ImageMode::palette) {
    refuse("palette", "is for images of the mode palette alone");
  }
  if (byte_count % 3 != 0 || byte_count > 768) {
    refuse("palette", std::to_string(byte_count) + " bytes, up to 256 RGB triples are expected");
  }
}

}  // namespace
}  // namespace llm2clip::c

using namespace llm2clip;
using namespace llm2clip::c;

llm2clip_status llm2clip_bytes_per_pixel(llm2clip_image_mode mode, size_t* bytes) {
  return guarded([&] { put(bytes, bytes_per_pixel(mode_of(mode)), "bytes"); });
}

llm2clip_status llm2clip_image_read(const char* path, size_t path_length,
                                    const llm2clip_read_options* options, llm2clip_image** image) {
  return give(image, [&] {
    return read_image(path_of(path, path_length, "path"), read_options_of(options));
  });
}

llm2clip_status llm2clip_image_decode(const uint8_t* bytes, size_t byte_count, const char* name,
                                      size_t name_length, const llm2clip_read_options* options,
                                      llm2clip_image** image) {
  return give(image, [&] {
    return decode_image(array_of(bytes, byte_count, "bytes"),
                        std::string(text_of(name, name_length, "name")), read_options_of(options));
  });
}

llm2clip_status llm2clip_image_from_rgb(int32_t width, int32_t height, const uint8_t* pixels,
                                        size_t byte_count, llm2clip_image** image) {
  return llm2clip_image_from_pixels(LLM2CLIP_IMAGE_RGB, width, height, pixels, byte_count, nullptr,
                                    0, image);
}

llm2clip_status llm2clip_image_from_pixels(llm2clip_image_mode mode, int32_t width, int32_t height,
                                           const uint8_t* pixels, size_t byte_count,
                                           const uint8_t* palette, size_t palette_byte_count,
                                           llm2clip_image** image) {
  return give(image, [&] {
    Image result{.width = width, .height = height, .mode = mode_of(mode)};
    check_pixels(result.mode, width, height, byte_count);
    check_palette(result.mode, palette_byte_count);
    const auto samples = array_of(pixels, byte_count, "pixels");
    const auto colors = array_of(palette, palette_byte_count, "palette");
    result.pixels.assign(samples.begin(), samples.end());
    result.palette.assign(colors.begin(), colors.end());
    return result;
  });
}

llm2clip_status llm2clip_image_from_rows(llm2clip_image_mode mode, llm2clip_channel_order channels,
                                         int32_t width, int32_t height, ptrdiff_t stride,
                                         const uint8_t* pixels, size_t byte_count,
                                         llm2clip_image** image) {
  return give(image, [&] {
    if (channels < LLM2CLIP_CHANNELS_RGB || channels > LLM2CLIP_CHANNELS_BGR) {
      refuse("channels", "no order of channels has the number " + std::to_string(channels));
    }
    return to_image({.pixels = array_of(pixels, byte_count, "pixels"),
                     .width = width,
                     .height = height,
                     .stride = stride,
                     .mode = mode_of(mode),
                     .channels = static_cast<ChannelOrder>(channels)});
  });
}

llm2clip_status llm2clip_image_view(const llm2clip_image* image, int32_t* width, int32_t* height,
                                    llm2clip_image_mode* mode, const uint8_t** pixels,
                                    size_t* byte_count) {
  return guarded([&] {
    const auto held = object_of(image, "image");
    if (width) *width = held->width;
    if (height) *height = held->height;
    if (mode) *mode = static_cast<llm2clip_image_mode>(held->mode);
    if (pixels) *pixels = held->pixels.data();
    if (byte_count) *byte_count = held->pixels.size();
  });
}

llm2clip_status llm2clip_image_palette_view(const llm2clip_image* image, const uint8_t** palette,
                                            size_t* byte_count) {
  return guarded([&] {
    const auto held = object_of(image, "image");
    if (palette) *palette = held->palette.data();
    if (byte_count) *byte_count = held->palette.size();
  });
}

llm2clip_status llm2clip_image_to_rgb(const llm2clip_image* image, llm2clip_image** rgb) {
  return give(rgb, [&] { return to_rgb(*object_of(image, "image")); });
}

llm2clip_status llm2clip_image_encode_png(const llm2clip_image* image, llm2clip_bytes** png) {
  return give(png, [&] {
    const std::vector<std::uint8_t> bytes = encode_png(*object_of(image, "image"));
    return std::string(bytes.begin(), bytes.end());
  });
}

llm2clip_status llm2clip_image_thumbnail(const llm2clip_image* image, int32_t side,
                                         llm2clip_bytes** jpeg) {
  return give(jpeg, [&] {
    const Thumbnail made = make_thumbnail(*object_of(image, "image"), side);
    return std::string(made.jpeg.begin(), made.jpeg.end());
  });
}

llm2clip_status llm2clip_image_free(llm2clip_image* image) { return free_handle(image); }

llm2clip_status llm2clip_model_preprocess_options(const llm2clip_model* model,
                                                  llm2clip_preprocess_options* options,
                                                  size_t struct_size) {
  return guarded([&] {
    const auto loaded = object_of(model, "model");
    const ModelInfo& info = loaded->info();
    if (!info.vision) refuse("model", info.name + " has no vision part");
    write_struct(options, struct_size, to_c(info.preprocess), "options");
  });
}

llm2clip_status llm2clip_resize_and_crop(const llm2clip_image* image,
                                         const llm2clip_preprocess_options* options,
                                         llm2clip_image** seen) {
  return give(seen, [&] {
    return resize_and_crop(*object_of(image, "image"), preprocess_options_of(options));
  });
}

llm2clip_status llm2clip_preprocess(const llm2clip_image* image,
                                    const llm2clip_preprocess_options* options, float* pixels,
                                    size_t pixel_count) {
  return guarded([&] {
    const auto held = object_of(image, "image");
    preprocess(*held, preprocess_options_of(options), array_of(pixels, pixel_count, "pixels"));
  });
}

llm2clip_status llm2clip_normalize_crops(const uint8_t* crops, size_t byte_count,
                                         const llm2clip_preprocess_options* options, float* pixels,
                                         size_t pixel_count) {
  return guarded([&] {
    normalize_crops(array_of(crops, byte_count, "crops"), preprocess_options_of(options),
                    array_of(pixels, pixel_count, "pixels"));
  });
}
