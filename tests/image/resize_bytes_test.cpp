#include "image/resize_bytes.h"

#include <algorithm>
#include <random>

#include "support/catch.h"

namespace llm2clip {
namespace {

using Bytes = std::vector<std::uint8_t>;

std::uint8_t finish(std::int64_t sum) {
  return static_cast<std::uint8_t>(std::clamp<std::int64_t>(sum >> kFractionBits, 0, 255));
}

// What the functions stand for: each sample the sum of its taps, `step` samples apart.
std::uint8_t weigh(const Bytes& from, std::size_t begin, std::size_t step, const Taps& taps,
                   const std::vector<std::int32_t>& weights) {
  std::int64_t sum = std::int64_t{1} << (kFractionBits - 1);
  for (std::size_t i = 0; i < taps.count; ++i) {
    sum += std::int64_t{from[begin + i * step]} * weights[taps.weights + i];
  }
  return finish(sum);
}

Bytes plainly_across(const Bytes& image, std::size_t width, std::size_t bands,
                     const AxisWeights& axis, std::size_t first, std::size_t rows) {
  const auto weights = fixed_point(axis.values);
  Bytes out;
  for (std::size_t y = first; y < first + rows; ++y) {
    for (const Taps& taps : axis.taps) {
      for (std::size_t band = 0; band < bands; ++band) {
        out.push_back(weigh(image, (y * width + taps.first) * bands + band, bands, taps, weights));
      }
    }
  }
  return out;
}

Bytes plainly_down(const Bytes& rows, std::size_t samples, std::size_t first,
                   const AxisWeights& axis) {
  const auto weights = fixed_point(axis.values);
  Bytes out;
  for (const Taps& taps : axis.taps) {
    for (std::size_t x = 0; x < samples; ++x) {
      out.push_back(weigh(rows, (taps.first - first) * samples + x, samples, taps, weights));
    }
  }
  return out;
}

TEST_CASE("every level sums as one sample after the other does", "[image][resize_bytes]") {
  std::mt19937 random(7);
  const auto number = [&](int from, int to) {
    return std::uniform_int_distribution<int>(from, to)(random);
  };
  for (int round = 0; round < 300; ++round) {
    const int width = number(1, 400);
    const int height = number(1, 60);
    const int out = number(1, 200);
    const auto bands = static_cast<std::size_t>(number(1, 4));
    const auto first = static_cast<std::size_t>(number(0, height - 1));
    const auto rows = static_cast<std::size_t>(number(1, height - static_cast<int>(first)));
    Bytes image(static_cast<std::size_t>(width * height) * bands);
    // Black and white overshoot; the rest is what images are like.
    for (auto& sample : image) {
      sample = static_cast<std::uint8_t>(round % 2 ? number(0, 255) : 255 * number(0, 1));
    }
    const int begin = number(0, out - 1);
    const AxisWeights across = bicubic_weights(width, out, begin, number(1, out - begin));
    const AxisWeights down = bicubic_weights(height, out, begin, number(1, out - begin));
    const std::size_t top = down.taps.front().first;
    const auto samples = static_cast<std::size_t>(width) * bands;
    const Bytes below(image.begin() + static_cast<std::ptrdiff_t>(top * samples), image.end());
    const auto columns = static_cast<std::size_t>(width);
    const PixelRows rows_in{image.data(), static_cast<std::ptrdiff_t>(samples)};
    for (const ResizeLoops& loops : all_resize_loops()) {
      INFO(to_string(loops.level) << ": " << width << "x" << height << " to " << out << ", "
                                  << bands);
      REQUIRE(resize_bytes_across(rows_in, bands, across, first, rows, loops) ==
              plainly_across(image, columns, bands, across, first, rows));
      REQUIRE(resize_bytes_down(below, samples, top, down, loops) ==
              plainly_down(below, samples, top, down));
    }
  }
}

}  // namespace
}  // namespace llm2clip
