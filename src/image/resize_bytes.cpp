#include "image/resize_bytes.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/widest.h"

namespace llm2clip {
namespace {

constexpr std::size_t kLanes = 16;
using Samples [[gnu::vector_size(16)]] = std::uint8_t;
template <std::size_t bytes>
using Sums = Sixteen<std::int32_t, bytes>;

LLM2CLIP_INLINE Samples load(const std::uint8_t* from) {
  Samples samples;
  std::memcpy(&samples, from, sizeof samples);
  return samples;
}

constexpr std::int32_t kHalf = 1 << (kFractionBits - 1);

// As a loop: GCC 12 makes one or two instructions of it, and up to sixty of a conversion of
// vectors.
LLM2CLIP_INLINE void widen(const std::uint8_t* samples, std::int32_t* wide) {
  for (std::size_t i = 0; i < kLanes; ++i) wide[i] = samples[i];
}

template <std::size_t bytes>
LLM2CLIP_INLINE void add(Sums<bytes>& sums, const std::int32_t* samples, std::int32_t weight) {
  sums += Sums<bytes>::load(samples) * weight;
}
template <std::size_t bytes>
LLM2CLIP_INLINE void add(Sums<bytes>& sums, const std::uint8_t* samples, std::int32_t weight) {
  if constexpr (bytes == 16) {
    std::int32_t wide[kLanes];
    widen(samples, wide);
    add(sums, wide, weight);
  } else {
    // Register by register: a store of half of one would hold up the load of the whole.
    constexpr std::size_t kEach = Sums<bytes>::kEach;
    for (std::size_t part = 0; part < Sums<bytes>::kParts; ++part) {
      std::int32_t wide[kEach];
      for (std::size_t i = 0; i < kEach; ++i) wide[i] = samples[part * kEach + i];
      typename Sums<bytes>::Register values;
      std::memcpy(&values, wide, bytes);
      sums.parts[part] += values * weight;
    }
  }
}

// clip8 of Resample.c.
template <std::size_t bytes>
LLM2CLIP_INLINE void finish(Sums<bytes> sums, std::uint8_t* to) {
  for (auto& part : sums.parts) part >>= kFractionBits;
  sums = smaller(larger(sums, Sums<bytes>(0)), Sums<bytes>(255));
  constexpr std::size_t kEach = Sums<bytes>::kEach;
  using Some [[gnu::vector_size(kEach)]] = std::uint8_t;
  for (std::size_t part = 0; part < Sums<bytes>::kParts; ++part) {
    const Some some = __builtin_convertvector(sums.parts[part], Some);
    std::memcpy(to + part * kEach, &some, kEach);
  }
}

// Two blocks of 16 x 16 samples at once, one in each half of a vector: with AVX2 and above an
// instruction moves both.
constexpr std::size_t kBlocks = 2;
constexpr std::size_t kColumns = kBlocks * kLanes;
using Rows [[gnu::vector_size(kColumns)]] = std::uint8_t;

// In each block rows become columns. Each step interleaves the upper half of the rows with the
// lower one, which moves one bit of a sample's place from the row's number to the column's.
LLM2CLIP_INLINE void transpose(std::array<Rows, kLanes>& blocks) {
  for (int step = 0; step < 4; ++step) {
    std::array<Rows, kLanes> next;
    for (std::size_t i = 0; i < kLanes / 2; ++i) {
      const Rows a = blocks[i];
      const Rows b = blocks[i + kLanes / 2];
      next[2 * i] =
          __builtin_shufflevector(a, b, 0, 32, 1, 33, 2, 34, 3, 35, 4, 36, 5, 37, 6, 38, 7, 39,  //
                                  16, 48, 17, 49, 18, 50, 19, 51, 20, 52, 21, 53, 22, 54, 23, 55);
      next[2 * i + 1] = __builtin_shufflevector(a, b, 8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45,
                                                14, 46, 15, 47, 24, 56, 25, 57, 26, 58, 27, 59, 28,
                                                60, 29, 61, 30, 62, 31, 63);
    }
    blocks = next;
  }
}

// Where 16 rows of `samples` samples begin.
struct Strip {
  std::array<const std::uint8_t*, kLanes> rows;
  std::size_t samples;
};

// (samples, 16): the strip column by column, wide already, since each of them goes into several
// sums. `columns` has room for a multiple of 32 of them.
LLM2CLIP_INLINE void stand_up(const Strip& strip, std::int32_t* columns) {
  std::array<Rows, kLanes> blocks;
  for (std::size_t x = 0; x < strip.samples; x += kColumns) {
    const std::size_t count = std::min(kColumns, strip.samples - x);
    for (std::size_t y = 0; y < kLanes; ++y) {
      if (count == kColumns) {
        std::memcpy(&blocks[y], strip.rows[y] + x, kColumns);
      } else {
        blocks[y] = Rows{};
        std::memcpy(&blocks[y], strip.rows[y] + x, count);
      }
    }
    transpose(blocks);
    for (std::size_t i = 0; i < kLanes; ++i) {
      const auto* samples = reinterpret_cast<const std::uint8_t*>(&blocks[i]);
      for (std::size_t block = 0; block < kBlocks; ++block) {
        widen(samples + block * kLanes, columns + (x + block * kLanes + i) * kLanes);
      }
    }
  }
}

// The other way: the first `rows` rows of (samples, 16) columns, `samples` apart.
LLM2CLIP_INLINE void lie_down(const std::uint8_t* columns, std::size_t samples, std::size_t rows,
                              std::uint8_t* out) {
  std::array<Rows, kLanes> blocks;
  for (std::size_t x = 0; x < samples; x += kColumns) {
    for (std::size_t i = 0; i < kLanes; ++i) {
      std::array<Samples, kBlocks> halves;
      for (std::size_t block = 0; block < kBlocks; ++block) {
        halves[block] = load(columns + (x + block * kLanes + i) * kLanes);
      }
      std::memcpy(&blocks[i], &halves, sizeof halves);
    }
    transpose(blocks);
    const std::size_t count = std::min(kColumns, samples - x);
    for (std::size_t y = 0; y < rows; ++y) std::memcpy(out + y * samples + x, &blocks[y], count);
  }
}

template <std::size_t bytes, std::size_t bands>
LLM2CLIP_INLINE void weigh_columns(const std::int32_t* columns, std::size_t first,
                                   const std::vector<Taps>& taps, const std::int32_t* weights,
                                   std::uint8_t* out) {
  for (const Taps& tap : taps) {
    Sums<bytes> sums[bands];
    for (Sums<bytes>& sum : sums) sum = Sums<bytes>(kHalf);
    const std::int32_t* from = columns + (tap.first - first) * bands * kLanes;
    for (std::size_t i = 0; i < tap.count; ++i) {
      for (Sums<bytes>& sum : sums) {
        add(sum, from, weights[tap.weights + i]);
        from += kLanes;
      }
    }
    for (const Sums<bytes>& sum : sums) {
      finish(sum, out);
      out += kLanes;
    }
  }
}

// Columns of 16 rows, from pixel `first` on, to columns of the resized rows.
template <std::size_t bytes>
LLM2CLIP_INLINE void resize_columns(const std::int32_t* columns, std::size_t bands,
                                    std::size_t first, const std::vector<Taps>& taps,
                                    const std::int32_t* weights, std::uint8_t* out) {
  switch (bands) {
    case 1:
      return weigh_columns<bytes, 1>(columns, first, taps, weights, out);
    case 2:
      return weigh_columns<bytes, 2>(columns, first, taps, weights, out);
    case 3:
      return weigh_columns<bytes, 3>(columns, first, taps, weights, out);
    default:
      return weigh_columns<bytes, 4>(columns, first, taps, weights, out);
  }
}

// Samples x to x + 16 * vectors of the sum of `count` rows that are `samples` apart.
template <std::size_t bytes, std::size_t vectors>
LLM2CLIP_INLINE void weigh_part(const std::uint8_t* rows, std::size_t samples, std::size_t count,
                                const std::int32_t* weights, std::uint8_t* out) {
  Sums<bytes> sums[vectors];
  for (Sums<bytes>& sum : sums) sum = Sums<bytes>(kHalf);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t v = 0; v < vectors; ++v) {
      add(sums[v], rows + i * samples + v * kLanes, weights[i]);
    }
  }
  for (std::size_t v = 0; v < vectors; ++v) finish(sums[v], out + v * kLanes);
}

// The sum of `count` rows of `samples` samples. Less than a vector of them is summed one by one.
template <std::size_t bytes>
LLM2CLIP_INLINE void weigh_rows(const std::uint8_t* rows, std::size_t samples, std::size_t count,
                                const std::int32_t* weights, std::uint8_t* out) {
  constexpr std::size_t kVectors = 4;
  std::size_t x = 0;
  for (; x + kVectors * kLanes <= samples; x += kVectors * kLanes) {
    weigh_part<bytes, kVectors>(rows + x, samples, count, weights, out + x);
  }
  for (; x + kLanes <= samples; x += kLanes) {
    weigh_part<bytes, 1>(rows + x, samples, count, weights, out + x);
  }
  for (; x < samples; ++x) {
    std::int32_t sum = kHalf;
    for (std::size_t i = 0; i < count; ++i) sum += rows[i * samples + x] * weights[i];
    out[x] = static_cast<std::uint8_t>(std::clamp(sum >> kFractionBits, 0, 255));
  }
}

std::size_t whole_blocks(std::size_t samples) {
  return (samples + kColumns - 1) / kColumns * kColumns;
}

}  // namespace

std::vector<std::uint8_t> resize_bytes_across(const PixelRows& image, std::size_t bands,
                                              const AxisWeights& axis, std::size_t first,
                                              std::size_t rows) {
  const std::vector<std::int32_t> weights = fixed_point(axis.values);
  const std::size_t begin = axis.taps.front().first;
  const std::size_t end = axis.taps.back().first + axis.taps.back().count;
  const std::size_t samples = axis.taps.size() * bands;
  Strip strip{.rows = {}, .samples = (end - begin) * bands};
  std::vector<std::int32_t> columns(whole_blocks(strip.samples) * kLanes);
  std::vector<std::uint8_t> resized(whole_blocks(samples) * kLanes);
  std::vector<std::uint8_t> out(rows * samples);
  for (std::size_t y = 0; y < rows; y += kLanes) {
    const std::size_t count = std::min(kLanes, rows - y);
    for (std::size_t i = 0; i < kLanes; ++i) {  // the last row again where there are no more
      strip.rows[i] = image[first + y + std::min(i, count - 1)] + begin * bands;
    }
    widest([&](auto registers) LLM2CLIP_INLINE_LAMBDA {
      stand_up(strip, columns.data());
      resize_columns<registers>(columns.data(), bands, begin, axis.taps, weights.data(),
                                resized.data());
      lie_down(resized.data(), samples, count, out.data() + y * samples);
    });
  }
  return out;
}

std::vector<std::uint8_t> resize_bytes_down(std::span<const std::uint8_t> rows, std::size_t samples,
                                            std::size_t first, const AxisWeights& axis) {
  const std::vector<std::int32_t> weights = fixed_point(axis.values);
  std::vector<std::uint8_t> out(axis.taps.size() * samples);
  for (std::size_t y = 0; y < axis.taps.size(); ++y) {
    const Taps& tap = axis.taps[y];
    widest([&](auto registers) LLM2CLIP_INLINE_LAMBDA {
      weigh_rows<registers>(rows.data() + (tap.first - first) * samples, samples, tap.count,
                            weights.data() + tap.weights, out.data() + y * samples);
    });
  }
  return out;
}

}  // namespace llm2clip
