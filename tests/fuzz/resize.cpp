// Any image, size and window: resize_window gives the bits of the filter's definition, computed
// sample by sample over the whole image.

#include "image/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "byte_source.h"
#include "property.h"

namespace {

using namespace llm2clip;

double cubic(double x) {
  x = std::fabs(x);
  if (x < 1.0) return ((-0.5 + 2.0) * x - (-0.5 + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * -0.5;
  return 0.0;
}

// The source samples that an output sample is made of, and their weights.
struct Filter {
  int first = 0;
  std::vector<double> weights;
};

Filter filter_of(int in, int out, int at) {
  const double scale = static_cast<double>(in) / out;
  const double stretch = std::max(scale, 1.0);
  const double center = (at + 0.5) * scale;
  Filter filter;
  filter.first = std::max(static_cast<int>(center - 2.0 * stretch + 0.5), 0);
  const int last = std::min(static_cast<int>(center + 2.0 * stretch + 0.5), in);
  double sum = 0.0;
  for (int i = filter.first; i < last; ++i) {
    filter.weights.push_back(cubic((i - center + 0.5) * (1.0 / stretch)));
    sum += filter.weights.back();
  }
  for (double& weight : filter.weights) weight /= sum;
  return filter;
}

std::uint8_t weigh(const Filter& filter, const std::vector<std::uint8_t>& from, std::size_t begin,
                   std::size_t step) {
  std::int64_t sum = 1 << 21;
  for (std::size_t i = 0; i < filter.weights.size(); ++i) {
    const double scaled = filter.weights[i] * (1 << 22);
    sum += from[begin + i * step] * static_cast<std::int64_t>(scaled + (scaled < 0 ? -0.5 : 0.5));
  }
  return static_cast<std::uint8_t>(std::clamp<std::int64_t>(sum >> 22, 0, 255));
}

float weigh(const Filter& filter, const std::vector<float>& from, std::size_t begin,
            std::size_t step) {
  double sum = 0.0;
  for (std::size_t i = 0; i < filter.weights.size(); ++i) {
    sum += static_cast<double>(from[begin + i * step]) * filter.weights[i];
  }
  return static_cast<float>(sum);
}

// Both passes over whole planes; an axis that keeps its size is left alone, as in Pillow.
template <typename Sample>
std::vector<Sample> resize_plainly(std::vector<Sample> samples, int in_width, int in_height,
                                   int bands, int width, int height) {
  const auto size = [](auto... factors) { return (static_cast<std::size_t>(factors) * ...); };
  if (width != in_width) {
    std::vector<Filter> filters;
    for (int x = 0; x < width; ++x) filters.push_back(filter_of(in_width, width, x));
    std::vector<Sample> across;
    for (int y = 0; y < in_height; ++y) {
      for (const Filter& filter : filters) {
        for (int band = 0; band < bands; ++band) {
          const std::size_t begin = size(y * in_width + filter.first, bands) + size(band);
          across.push_back(weigh(filter, samples, begin, size(bands)));
        }
      }
    }
    samples = across;
  }
  if (height == in_height) return samples;
  std::vector<Sample> down;
  for (int y = 0; y < height; ++y) {
    const Filter filter = filter_of(in_height, height, y);
    for (int x = 0; x < width * bands; ++x) {
      down.push_back(
          weigh(filter, samples, size(filter.first, width, bands) + size(x), size(width, bands)));
    }
  }
  return down;
}

template <typename Sample>
std::vector<Sample> samples_of(const std::vector<std::uint8_t>& bytes) {
  std::vector<Sample> samples(bytes.size() / sizeof(Sample));
  std::memcpy(samples.data(), bytes.data(), bytes.size());
  return samples;
}

template <typename Sample>
void compare(const Image& image, int bands, int width, int height, const Window& window) {
  const auto plain = resize_plainly(samples_of<Sample>(image.pixels), image.width, image.height,
                                    bands, width, height);
  const auto fast = samples_of<Sample>(resize_window(image, width, height, window).pixels);
  const auto row = static_cast<std::size_t>(window.width * bands);
  fuzz::property(fast.size() == row * static_cast<std::size_t>(window.height),
                 "the window is filled");
  for (int y = 0; y < window.height; ++y) {
    const auto from = static_cast<std::size_t>(((window.top + y) * width + window.left) * bands);
    fuzz::property(std::equal(fast.begin() + static_cast<std::ptrdiff_t>(row) * y,
                              fast.begin() + static_cast<std::ptrdiff_t>(row) * (y + 1),
                              plain.begin() + static_cast<std::ptrdiff_t>(from)),
                   "resized samples are those of the definition");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr int kLargestSide = 24;
  fuzz::ByteSource input(data, size);
  Image image;
  image.mode = input.one_of({ImageMode::gray, ImageMode::rgb, ImageMode::float32});
  image.width = input.in_range(1, kLargestSide);
  image.height = input.in_range(1, kLargestSide);
  const int width = input.in_range(1, kLargestSide);
  const int height = input.in_range(1, kLargestSide);
  Window window;
  window.left = input.in_range(0, width - 1);
  window.top = input.in_range(0, height - 1);
  window.width = input.in_range(1, width - static_cast<int>(window.left));
  window.height = input.in_range(1, height - static_cast<int>(window.top));
  const std::size_t pixels = static_cast<std::size_t>(image.width * image.height);
  if (image.mode == ImageMode::float32) {
    for (std::size_t i = 0; i < pixels; ++i) {
      const auto value = static_cast<float>(input.number<std::int16_t>());
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
      image.pixels.insert(image.pixels.end(), bytes, bytes + sizeof value);
    }
    compare<float>(image, 1, width, height, window);
  } else {
    const int bands = image.mode == ImageMode::rgb ? 3 : 1;
    image.pixels = input.bytes(pixels * static_cast<std::size_t>(bands));
    image.pixels.resize(pixels * static_cast<std::size_t>(bands));
    compare<std::uint8_t>(image, bands, width, height, window);
  }
  return 0;
}
