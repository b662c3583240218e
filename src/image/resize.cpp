// Note [Resize must match PIL]
//
// This is Pillow 11.3.0's antialiased bicubic filter (src/libImaging/Resample.c), written anew.
// OpenCV's INTER_CUBIC is another filter: it has another constant and no antialiasing.
//
// The horizontal pass comes first and rounds to the type of the samples, then the vertical pass.
// Pillow 12.2 and newer turn the order round for pictures more than 100 times as high as wide; the
// reference is older. Nothing here may be contracted to a fused multiply-add
// (-ffp-contract=off), which rounds once where Pillow rounds twice.

#include "image/resize.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "check.h"
#include "image/samples.h"

namespace llm2clip {
namespace {

constexpr double kSupport = 2.0;  // of the bicubic filter, in source samples at scale 1
constexpr int kFractionBits = 32 - 8 - 2;

// bicubic_filter, a = -0.5; in this order of operations.
double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

// How the samples of a mode are summed and rounded.
struct Bytes {
  using Sample = std::uint8_t;
  using Weight = std::int32_t;
  using Sum = std::int32_t;
  static constexpr Sum kStart = 1 << (kFractionBits - 1);
  static Sample finish(Sum sum) {
    return static_cast<Sample>(std::clamp(sum >> kFractionBits, 0, 255));
  }
};

// ROUND_UP of Resample.c. Out of range it gives what the machines of the reference give.
std::int32_t round_half_away(double value) {
  const double shifted = value >= 0.0 ? value + 0.5 : value - 0.5;
  if (!(shifted > -2147483649.0 && shifted < 2147483648.0)) {
    return std::numeric_limits<std::int32_t>::min();
  }
  return static_cast<std::int32_t>(shifted);
}

struct Words {
  using Sample = std::uint16_t;
  using Weight = double;
  using Sum = double;
  static constexpr Sum kStart = 0.0;
  // Pillow clips the two bytes one by one: an overshoot keeps its low byte under a high 255.
  static Sample finish(Sum sum) {
    const std::int32_t rounded = round_half_away(sum);
    const int low = std::clamp(rounded % 256, 0, 255);
    const int high = std::clamp(rounded >> 8, 0, 255);
    return static_cast<Sample>(high << 8 | low);
  }
};

struct Integers {
  using Sample = std::int32_t;
  using Weight = double;
  using Sum = double;
  static constexpr Sum kStart = 0.0;
  static Sample finish(Sum sum) { return round_half_away(sum); }
};

struct Floats {
  using Sample = float;
  using Weight = double;
  using Sum = double;
  static constexpr Sum kStart = 0.0;
  static Sample finish(Sum sum) { return static_cast<Sample>(sum); }
};

template <typename Kind>
std::vector<typename Kind::Weight> weights_of(const AxisWeights& axis) {
  if constexpr (std::is_same_v<typename Kind::Weight, double>) {
    return axis.values;
  } else {
    return fixed_point(axis.values);
  }
}

// Samples of `bands` to a pixel, rows one after the other.
template <typename Sample>
struct Plane {
  std::size_t width = 0;  // pixels
  std::size_t height = 0;
  std::vector<Sample> samples;
};

// One row to one row. The bands are summed side by side.
template <typename Kind, std::size_t bands>
void resize_row(const typename Kind::Sample* __restrict row, const std::vector<Taps>& taps,
                const typename Kind::Weight* __restrict weights,
                typename Kind::Sample* __restrict out) {
  for (const Taps& tap : taps) {
    typename Kind::Sum sums[bands];
    std::fill_n(sums, bands, Kind::kStart);
    const typename Kind::Sample* from = row + tap.first * bands;
    const typename Kind::Weight* weight = weights + tap.weights;
    for (std::size_t i = 0; i < tap.count; ++i, from += bands) {
      for (std::size_t band = 0; band < bands; ++band) sums[band] += from[band] * weight[i];
    }
    for (std::size_t band = 0; band < bands; ++band) *out++ = Kind::finish(sums[band]);
  }
}

// Rows `first` to `first + rows` of the image, resized across.
template <typename Kind, std::size_t bands>
Plane<typename Kind::Sample> resize_across(const Plane<typename Kind::Sample>& image,
                                           const AxisWeights& axis, std::size_t first,
                                           std::size_t rows) {
  const auto weights = weights_of<Kind>(axis);
  Plane<typename Kind::Sample> out{axis.taps.size(), rows, {}};
  out.samples.resize(out.width * rows * bands);
  for (std::size_t y = 0; y < rows; ++y) {
    resize_row<Kind, bands>(image.samples.data() + (first + y) * image.width * bands, axis.taps,
                            weights.data(), out.samples.data() + y * out.width * bands);
  }
  return out;
}

// Rows of `samples` samples are summed as a whole, which the compiler turns into vectors. Row 0 of
// `rows` is row `first` of the image.
template <typename Kind>
void resize_down(const std::vector<typename Kind::Sample>& rows, std::size_t samples,
                 std::size_t first, const AxisWeights& axis, typename Kind::Sample* out) {
  const auto weights = weights_of<Kind>(axis);
  std::vector<typename Kind::Sum> sums(samples);
  typename Kind::Sum* __restrict sum = sums.data();
  for (const Taps& tap : axis.taps) {
    std::fill(sums.begin(), sums.end(), Kind::kStart);
    for (std::size_t i = 0; i < tap.count; ++i) {
      const typename Kind::Sample* __restrict row = rows.data() + (tap.first - first + i) * samples;
      const typename Kind::Weight weight = weights[tap.weights + i];
      for (std::size_t x = 0; x < samples; ++x) sum[x] += row[x] * weight;
    }
    for (std::size_t x = 0; x < samples; ++x) *out++ = Kind::finish(sum[x]);
  }
}

// A copy of the columns of the window, for a width that stays.
template <typename Sample>
Plane<Sample> cut_columns(const Plane<Sample>& image, std::size_t bands, const Window& window,
                          std::size_t first, std::size_t rows) {
  const auto width = static_cast<std::size_t>(window.width);
  Plane<Sample> out{width, rows, {}};
  out.samples.reserve(width * rows * bands);
  for (std::size_t y = 0; y < rows; ++y) {
    const auto row =
        image.samples.begin() +
        static_cast<std::ptrdiff_t>(
            ((first + y) * image.width + static_cast<std::size_t>(window.left)) * bands);
    out.samples.insert(out.samples.end(), row, row + static_cast<std::ptrdiff_t>(width * bands));
  }
  return out;
}

// ImagingResampleInner: a pass along an axis whose size stays is left out.
template <typename Kind, std::size_t bands>
std::vector<typename Kind::Sample> resample(const Plane<typename Kind::Sample>& image,
                                            std::int64_t width, std::int64_t height,
                                            const Window& window) {
  using Samples = Plane<typename Kind::Sample>;
  const auto in_width = static_cast<std::int64_t>(image.width);
  const auto in_height = static_cast<std::int64_t>(image.height);
  const bool down = height != in_height;
  auto first = static_cast<std::size_t>(window.top);
  auto rows = static_cast<std::size_t>(window.height);
  AxisWeights vertical;
  if (down) {
    vertical = bicubic_weights(in_height, height, window.top, window.height);
    first = vertical.taps.front().first;
    rows = vertical.taps.back().first + vertical.taps.back().count - first;
  }
  const Samples across =
      width == in_width
          ? cut_columns(image, bands, window, first, rows)
          : resize_across<Kind, bands>(
                image, bicubic_weights(in_width, width, window.left, window.width), first, rows);
  if (!down) return across.samples;
  std::vector<typename Kind::Sample> out(across.width * bands *
                                         static_cast<std::size_t>(window.height));
  resize_down<Kind>(across.samples, across.width * bands, first, vertical, out.data());
  return out;
}

template <typename Kind, std::size_t bands = 1>
std::vector<std::uint8_t> resample_pixels(const Image& image, std::int64_t width,
                                          std::int64_t height, const Window& window) {
  using Sample = typename Kind::Sample;
  Plane<Sample> plane{
      static_cast<std::size_t>(image.width), static_cast<std::size_t>(image.height), {}};
  plane.samples.resize(image.pixels.size() / sizeof(Sample));
  std::memcpy(plane.samples.data(), image.pixels.data(), image.pixels.size());
  const std::vector<Sample> samples = resample<Kind, bands>(plane, width, height, window);
  std::vector<std::uint8_t> pixels(samples.size() * sizeof(Sample));
  std::memcpy(pixels.data(), samples.data(), pixels.size());
  return pixels;
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

std::vector<std::uint8_t> pick_pixels(const Image& image, std::int64_t width, std::int64_t height,
                                      const Window& window) {
  const auto columns = nearest_positions(image.width, width, window.left, window.width);
  const auto rows = nearest_positions(image.height, height, window.top, window.height);
  std::vector<std::uint8_t> pixels;
  pixels.reserve(columns.size() * rows.size());
  for (const std::size_t y : rows) {
    const std::uint8_t* row = image.pixels.data() + y * static_cast<std::size_t>(image.width);
    for (const std::size_t x : columns) pixels.push_back(row[x]);
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
std::vector<std::uint8_t> resample_with_alpha(Image image, std::int64_t width, std::int64_t height,
                                              const Window& window) {
  change_colors(image.pixels, bands, multiply_255);
  auto pixels = resample_pixels<Bytes, bands>(image, width, height, window);
  change_colors(pixels, bands, unpremultiply);
  return pixels;
}

std::vector<std::uint8_t> resized_pixels(const Image& image, std::int64_t width,
                                         std::int64_t height, const Window& window) {
  switch (image.mode) {
    case ImageMode::bilevel:
    case ImageMode::palette:
      return pick_pixels(image, width, height, window);
    case ImageMode::gray:
      return resample_pixels<Bytes, 1>(image, width, height, window);
    case ImageMode::gray_alpha:
      return resample_with_alpha<2>(image, width, height, window);
    case ImageMode::rgb:
      return resample_pixels<Bytes, 3>(image, width, height, window);
    case ImageMode::rgba:
      return resample_with_alpha<4>(image, width, height, window);
    case ImageMode::cmyk:
      return resample_pixels<Bytes, 4>(image, width, height, window);
    case ImageMode::gray16:
      return resample_pixels<Words>(image, width, height, window);
    case ImageMode::int32:
      return resample_pixels<Integers>(image, width, height, window);
    case ImageMode::float32:
      return resample_pixels<Floats>(image, width, height, window);
  }
  return {};
}

// The window of a picture that keeps its size: Image.resize makes a copy then.
std::vector<std::uint8_t> cut_pixels(const Image& image, const Window& window) {
  const std::size_t bytes = bytes_per_pixel(image.mode);
  Plane<std::uint8_t> plane{static_cast<std::size_t>(image.width),
                            static_cast<std::size_t>(image.height), image.pixels};
  return cut_columns(plane, bytes, window, static_cast<std::size_t>(window.top),
                     static_cast<std::size_t>(window.height))
      .samples;
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

Image resize_window(const Image& image, std::int64_t width, std::int64_t height,
                    const Window& window) {
  LLM2CLIP_CHECK(window.left >= 0 && window.top >= 0 && window.width > 0 && window.height > 0 &&
                 window.left + window.width <= width && window.top + window.height <= height);
  Image resized;
  resized.width = window.width;
  resized.height = window.height;
  resized.mode = image.mode;
  resized.palette = image.palette;
  resized.pixels = width == image.width && height == image.height
                       ? cut_pixels(image, window)
                       : resized_pixels(image, width, height, window);
  return resized;
}

}  // namespace llm2clip
