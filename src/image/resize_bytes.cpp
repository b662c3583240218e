#include "image/resize_bytes.h"

#include <algorithm>

#include "image/resize_loops.h"

namespace llm2clip {
namespace {

// The weights of an axis for pairs of source samples, counted from an even one. A sample of a pair
// that is no tap has the weight 0.
class PairAxis {
 public:
  PairAxis(const AxisWeights& axis, std::size_t begin) {
    const std::vector<std::int32_t> weights = fixed_point(axis.values);
    std::size_t pairs = 0;
    for (const Taps& tap : axis.taps) pairs += tap.count / 2 + 1;
    weights_.reserve(pairs);  // taps_ points into it
    taps_.reserve(axis.taps.size());
    for (const Taps& tap : axis.taps)
      add(tap.first - begin, {weights.data() + tap.weights, tap.count});
  }
  PairAxis(const PairAxis&) = delete;
  PairAxis& operator=(const PairAxis&) = delete;

  const std::vector<PairTaps>& taps() const { return taps_; }

 private:
  void add(std::size_t first, std::span<const std::int32_t> weights) {
    const std::size_t end = first + weights.size();
    const PairWeights* begin = weights_.data() + weights_.size();
    for (std::size_t at = first / 2 * 2; at < end; at += 2) {
      weights_.push_back(
          split(at < first ? 0 : weights[at - first], at + 1 < end ? weights[at + 1 - first] : 0));
    }
    taps_.push_back({first / 2, (end + 1) / 2 - first / 2, begin});
  }

  static PairWeights split(std::int32_t first, std::int32_t second) {
    constexpr std::int32_t kLow = (1 << kLowBits) - 1;
    return {pair_of(first >> kLowBits, second >> kLowBits), pair_of(first & kLow, second & kLow)};
  }

  static std::int32_t pair_of(std::int32_t first, std::int32_t second) {
    return static_cast<std::int32_t>((static_cast<std::uint32_t>(first) & 0xffffu) |
                                     static_cast<std::uint32_t>(second) << 16);
  }

  std::vector<PairWeights> weights_;
  std::vector<PairTaps> taps_;
};

}  // namespace

std::vector<std::uint8_t> resize_bytes_across(const PixelRows& image, std::size_t bands,
                                              const AxisWeights& axis, std::size_t first,
                                              std::size_t rows, const ResizeLoops& loops) {
  const PairAxis pairs(axis, 0);
  const std::size_t samples = axis.taps.size() * bands;
  Strip strip{.rows = {},
              .samples = (axis.taps.back().first + axis.taps.back().count) * bands,
              .bands = bands};
  StripRoom room;
  std::vector<std::uint8_t> out(rows * samples);
  for (std::size_t y = 0; y < rows; y += kStripRows) {
    const std::size_t count = std::min(kStripRows, rows - y);
    for (std::size_t i = 0; i < kStripRows; ++i) {  // the last row again where there are no more
      strip.rows[i] = image[first + y + std::min(i, count - 1)];
    }
    loops.across(strip, pairs.taps(), count, room, out.data() + y * samples);
  }
  return out;
}

std::vector<std::uint8_t> resize_bytes_down(std::span<const std::uint8_t> rows, std::size_t samples,
                                            std::size_t first, const AxisWeights& axis,
                                            const ResizeLoops& loops) {
  const PairAxis pairs(axis, first);
  const PackedRows rows_in{rows.data(), rows.size() / samples, samples};
  std::vector<std::uint8_t> out(axis.taps.size() * samples);
  for (std::size_t y = 0; y < axis.taps.size(); ++y) {
    loops.down(rows_in, pairs.taps()[y], out.data() + y * samples);
  }
  return out;
}

}  // namespace llm2clip
