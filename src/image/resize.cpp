// Note [Resize must match PIL]
//
// This is Pillow 11.3.0's antialiased bicubic filter (src/libImaging/Resample.c), written anew.
// OpenCV's INTER_CUBIC is another filter: it has another constant and no antialiasing.
//
// The horizontal pass comes first and rounds to the type of the samples, then the vertical pass;
// newer versions turn that round for some images (ResizePasses). Nothing
// here may be contracted to a fused multiply-add
// (-ffp-contract=off), which rounds once where Pillow rounds twice.

#include "image/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>

#include "base/check.h"
#include "image/image_rows.h"
#include "image/resize_bytes.h"
#include "image/samples.h"

namespace llm2clip {
namespace {

constexpr double kSupport = 2.0;  // of the bicubic filter, in source samples at scale 1

// bicubic_filter, a = -0.5; in this order of operations.
double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

// ROUND_UP of Resample.c. Out of range it gives what the machines of the reference give.
std::int32_t round_half_away(double value) {
  const double shifted = value >= 0.0 ? value + 0.5 : value - 0.5;
  if (!(shifted > -2147483649.0 && shifted < 2147483648.0)) {
    return std::numeric_limits<std::int32_t>::min();
  }
  return static_cast<std::int32_t>(shifted);
}

// Before 13.0 Pillow clips the two bytes one by one: an overshoot keeps its low byte under a high
// 255.
std::uint16_t finish_bytes_of_word(double sum) {
  const std::int32_t rounded = round_half_away(sum);
  const int low = std::clamp(rounded % 256, 0, 255);
  const int high = std::clamp(rounded >> 8, 0, 255);
  return static_cast<std::uint16_t>(high << 8 | low);
}

std::uint16_t finish_word(double sum) {
  return static_cast<std::uint16_t>(std::clamp(round_half_away(sum), 0, 65535));
}

float finish_float(double sum) { return static_cast<float>(sum); }

// The two passes over images of one sample a pixel that are summed in double: rows `first` to
// `first + rows` across, and rows of `samples` samples, which begin with row `first`, down.
template <typename Sample_, Sample_ (*finish)(double)>
struct InDoubles {
  using Sample = Sample_;
  static constexpr std::size_t kBands = 1;

  static std::vector<Sample> across(const SampleRows<Sample>& image, const AxisWeights& axis,
                                    std::size_t first, std::size_t rows) {
    std::vector<Sample> out;
    out.reserve(rows * axis.taps.size());
    for (std::size_t y = 0; y < rows; ++y) {
      for (const Taps& tap : axis.taps) {
        const Sample* from = image[first + y] + tap.first;
        double sum = 0.0;
        for (std::size_t i = 0; i < tap.count; ++i) sum += from[i] * axis.values[tap.weights + i];
        out.push_back(finish(sum));
      }
    }
    return out;
  }

  // Rows are summed as a whole, which the compiler turns into vectors.
  static std::vector<Sample> down(std::span<const Sample> rows, std::size_t samples,
                                  std::size_t first, const AxisWeights& axis) {
    std::vector<Sample> out;
    out.reserve(axis.taps.size() * samples);
    std::vector<double> sums(samples);
    for (const Taps& tap : axis.taps) {
      std::fill(sums.begin(), sums.end(), 0.0);
      for (std::size_t i = 0; i < tap.count; ++i) {
        const Sample* row = rows.data() + (tap.first - first + i) * samples;
        const double weight = axis.values[tap.weights + i];
        for (std::size_t x = 0; x < samples; ++x) sums[x] += row[x] * weight;
      }
      for (const double sum : sums) out.push_back(finish(sum));
    }
    return out;
  }
};

using WordsOfBytes = InDoubles<std::uint16_t, finish_bytes_of_word>;
using Words = InDoubles<std::uint16_t, finish_word>;
using Integers = InDoubles<std::int32_t, round_half_away>;
using Floats = InDoubles<float, finish_float>;

template <std::size_t bands>
struct Bytes {
  using Sample = std::uint8_t;
  static constexpr std::size_t kBands = bands;

  static std::vector<Sample> across(const SampleRows<Sample>& image, const AxisWeights& axis,
                                    std::size_t first, std::size_t rows) {
    return resize_bytes_across(image, bands, axis, first, rows);
  }
  static std::vector<Sample> down(std::span<const Sample> rows, std::size_t samples,
                                  std::size_t first, const AxisWeights& axis) {
    return resize_bytes_down(rows, samples, first, axis);
  }
};

// A copy of the columns of the window, for a width that stays. Pixels have `pixel` samples.
template <typename Sample>
std::vector<Sample> cut_columns(const SampleRows<Sample>& image, std::size_t pixel,
                                const Window& window, std::size_t first, std::size_t rows) {
  const std::size_t left = static_cast<std::size_t>(window.left) * pixel;
  const std::size_t samples = static_cast<std::size_t>(window.width) * pixel;
  std::vector<Sample> out;
  out.reserve(samples * rows);
  for (std::size_t y = 0; y < rows; ++y) {
    const Sample* from = image[first + y] + left;
    out.insert(out.end(), from, from + samples);
  }
  return out;
}

// Image.resize of 12.2, ImagingResampleInner of 13.0. `height` and `width` are those wanted.
bool goes_down_first(const ImageView& image, std::int64_t width, std::int64_t height,
                     ResizePasses passes) {
  switch (passes) {
    case ResizePasses::pillow_11:
      return false;
    case ResizePasses::pillow_12_2:
      return image.height > std::int64_t{100} * image.width && height < image.height;
    case ResizePasses::pillow_13:
      return image.height > height && image.height - height > 2 * (image.width - width);
  }
  return false;
}

// The vertical pass before the horizontal one, over the columns that the window needs. Both sizes
// change.
template <typename Kind>
std::vector<typename Kind::Sample> resample_down_first(
    const SampleRows<typename Kind::Sample>& rows_in, const ImageView& image, std::int64_t width,
    std::int64_t height, const Window& window) {
  const AxisWeights vertical = bicubic_weights(image.height, height, window.top, window.height);
  const std::size_t first = vertical.taps.front().first;
  const std::size_t rows = vertical.taps.back().first + vertical.taps.back().count - first;
  AxisWeights horizontal = bicubic_weights(image.width, width, window.left, window.width);
  const std::size_t left = horizontal.taps.front().first;
  const std::size_t columns = horizontal.taps.back().first + horizontal.taps.back().count - left;
  const Window needed{static_cast<std::int64_t>(left), 0, static_cast<int>(columns), 0};
  const auto cut = cut_columns(rows_in, Kind::kBands, needed, first, rows);
  const std::size_t samples = columns * Kind::kBands;
  const auto down = Kind::down(cut, samples, first, vertical);
  for (Taps& taps : horizontal.taps) taps.first -= left;
  return Kind::across({down.data(), static_cast<std::ptrdiff_t>(samples)}, horizontal, 0,
                      static_cast<std::size_t>(window.height));
}

// ImagingResampleInner: a pass along an axis whose size stays is left out.
template <typename Kind>
std::vector<typename Kind::Sample> resample(const SampleRows<typename Kind::Sample>& rows_in,
                                            const ImageView& image, std::int64_t width,
                                            std::int64_t height, const Window& window,
                                            ResizePasses passes) {
  if (width != image.width && goes_down_first(image, width, height, passes)) {
    return resample_down_first<Kind>(rows_in, image, width, height, window);
  }
  const bool down = height != image.height;
  auto first = static_cast<std::size_t>(window.top);
  auto rows = static_cast<std::size_t>(window.height);
  AxisWeights vertical;
  if (down) {
    vertical = bicubic_weights(image.height, height, window.top, window.height);
    first = vertical.taps.front().first;
    rows = vertical.taps.back().first + vertical.taps.back().count - first;
  }
  std::vector<typename Kind::Sample> across =
      width == image.width
          ? cut_columns(rows_in, Kind::kBands, window, first, rows)
          : Kind::across(rows_in, bicubic_weights(image.width, width, window.left, window.width),
                         first, rows);
  if (!down) return across;
  return Kind::down(across, static_cast<std::size_t>(window.width) * Kind::kBands, first, vertical);
}

// In memory of their own, where each lies as its type needs it.
template <typename Sample>
std::vector<Sample> samples_of(const ImageView& image) {
  const auto width = static_cast<std::size_t>(image.width);
  const auto height = static_cast<std::size_t>(image.height);
  const PixelRows rows = rows_of(image);
  std::vector<Sample> samples(width * height);
  for (std::size_t y = 0; y < height; ++y) {
    std::memcpy(samples.data() + y * width, rows[y], width * sizeof(Sample));
  }
  return samples;
}

template <typename Kind>
std::vector<std::uint8_t> resample_pixels(const ImageView& image, std::int64_t width,
                                          std::int64_t height, const Window& window,
                                          ResizePasses passes) {
  using Sample = typename Kind::Sample;
  if constexpr (std::is_same_v<Sample, std::uint8_t>) {
    return resample<Kind>(rows_of(image), image, width, height, window, passes);
  } else {
    const std::vector<Sample> samples_in = samples_of<Sample>(image);
    const std::vector<Sample> samples =
        resample<Kind>({samples_in.data(), image.width}, image, width, height, window, passes);
    std::vector<std::uint8_t> pixels(samples.size() * sizeof(Sample));
    std::memcpy(pixels.data(), samples.data(), pixels.size());
    return pixels;
  }
}

// ImagingScaleAffine with the nearest neighbor. Positions are summed up, as there, so that they
// carry the same rounding.
std::vector<std::size_t> nearest_positions(std::int64_t in, std::int64_t out, std::int64_t begin,
                                           int count) {
  const double step = static_cast<double>(static_cast<float>(in)) / static_cast<double>(out);
  std::vector<std::size_t> positions;
  double position = step * 0.5;
  for (std::int64_t i = 0; i < begin + count; ++i, position += step) {
    if (i < begin) continue;
    positions.push_back(
        static_cast<std::size_t>(std::min(static_cast<std::int64_t>(position), in - 1)));
  }
  return positions;
}

std::vector<std::uint8_t> pick_pixels(const ImageView& image, std::int64_t width,
                                      std::int64_t height, const Window& window) {
  const auto columns = nearest_positions(image.width, width, window.left, window.width);
  const auto rows = nearest_positions(image.height, height, window.top, window.height);
  std::vector<std::uint8_t> pixels;
  pixels.reserve(columns.size() * rows.size());
  const PixelRows rows_in = rows_of(image);
  for (const std::size_t y : rows) {
    for (const std::size_t x : columns) pixels.push_back(rows_in[y][x]);
  }
  return pixels;
}

// Image.resize converts LA and RGBA to premultiplied alpha and back: convert("La"),
// convert("RGBa").
template <typename Change>
void change_colors(std::vector<std::uint8_t>& pixels, std::size_t bands, const Change& change) {
  for (std::size_t i = 0; i < pixels.size(); i += bands) {
    const std::uint8_t alpha = pixels[i + bands - 1];
    for (std::size_t band = 0; band + 1 < bands; ++band) {
      pixels[i + band] = change(pixels[i + band], alpha);
    }
  }
}

template <std::size_t bands>
std::vector<std::uint8_t> resample_with_alpha(const ImageView& image, std::int64_t width,
                                              std::int64_t height, const Window& window,
                                              ResizePasses passes) {
  std::vector<std::uint8_t> colors = packed_pixels(image);
  change_colors(colors, bands, multiply_255);
  ImageView premultiplied = image;
  premultiplied.pixels = colors;
  premultiplied.stride = 0;
  auto pixels = resample_pixels<Bytes<bands>>(premultiplied, width, height, window, passes);
  change_colors(pixels, bands, unpremultiply);
  return pixels;
}

std::vector<std::uint8_t> resized_pixels(const ImageView& image, std::int64_t width,
                                         std::int64_t height, const Window& window,
                                         ResizePasses passes) {
  switch (image.mode) {
    case ImageMode::bilevel:
    case ImageMode::palette:
      return pick_pixels(image, width, height, window);
    case ImageMode::gray:
      return resample_pixels<Bytes<1>>(image, width, height, window, passes);
    case ImageMode::gray_alpha:
      return resample_with_alpha<2>(image, width, height, window, passes);
    case ImageMode::rgb:
      return resample_pixels<Bytes<3>>(image, width, height, window, passes);
    case ImageMode::rgba:
      return resample_with_alpha<4>(image, width, height, window, passes);
    case ImageMode::cmyk:
      return resample_pixels<Bytes<4>>(image, width, height, window, passes);
    case ImageMode::gray16:
      return passes == ResizePasses::pillow_13
                 ? resample_pixels<Words>(image, width, height, window, passes)
                 : resample_pixels<WordsOfBytes>(image, width, height, window, passes);
    case ImageMode::int32:
      return resample_pixels<Integers>(image, width, height, window, passes);
    case ImageMode::float32:
      return resample_pixels<Floats>(image, width, height, window, passes);
  }
  return {};
}

// The window of an image that keeps its size: Image.resize makes a copy then.
std::vector<std::uint8_t> cut_pixels(const ImageView& image, const Window& window) {
  return cut_columns(rows_of(image), bytes_per_pixel(image.mode), window,
                     static_cast<std::size_t>(window.top), static_cast<std::size_t>(window.height));
}

}  // namespace

AxisWeights bicubic_weights(std::int64_t in, std::int64_t out, std::int64_t begin, int count) {
  // Pillow passes the box as 32-bit floats.
  const double scale = static_cast<double>(static_cast<float>(in)) / static_cast<double>(out);
  const double filter_scale = std::max(scale, 1.0);
  const double support = kSupport * filter_scale;
  const double reciprocal = 1.0 / filter_scale;
  AxisWeights axis;
  for (std::int64_t i = begin; i < begin + count; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const auto first = std::max<std::int64_t>(static_cast<std::int64_t>(center - support + 0.5), 0);
    const auto last = std::min<std::int64_t>(static_cast<std::int64_t>(center + support + 0.5), in);
    const Taps taps{static_cast<std::size_t>(first), static_cast<std::size_t>(last - first),
                    axis.values.size()};
    double sum = 0.0;
    for (std::size_t x = 0; x < taps.count; ++x) {
      const double at = static_cast<double>(x) + static_cast<double>(first) - center + 0.5;
      const double weight = bicubic(at * reciprocal);
      axis.values.push_back(weight);
      sum += weight;
    }
    for (std::size_t x = 0; x < taps.count && sum != 0.0; ++x) axis.values[taps.weights + x] /= sum;
    axis.taps.push_back(taps);
  }
  return axis;
}

std::vector<std::int32_t> fixed_point(const std::vector<double>& weights) {
  std::vector<std::int32_t> fixed;
  fixed.reserve(weights.size());
  for (const double weight : weights) {
    const double scaled = weight * (1 << kFractionBits);
    fixed.push_back(static_cast<std::int32_t>(weight < 0 ? scaled - 0.5 : scaled + 0.5));
  }
  return fixed;
}

Image resize_window(const ImageView& image, std::int64_t width, std::int64_t height,
                    const Window& window, ResizePasses passes) {
  LLM2CLIP_CHECK(window.left >= 0 && window.top >= 0 && window.width > 0 && window.height > 0 &&
                 window.left + window.width <= width && window.top + window.height <= height);
  Image resized;
  resized.width = window.width;
  resized.height = window.height;
  resized.mode = image.mode;
  resized.palette.assign(image.palette.begin(), image.palette.end());
  resized.pixels = width == image.width && height == image.height
                       ? cut_pixels(image, window)
                       : resized_pixels(image, width, height, window, passes);
  return resized;
}

}  // namespace llm2clip
