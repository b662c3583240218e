// Highway includes this file once for each level (foreach_target.h), with another HWY_NAMESPACE and
// the level's instructions allowed between HWY_BEFORE_NAMESPACE and HWY_AFTER_NAMESPACE.
//
// Arrays of vectors need a size that is known: the levels without one are left out. So is SSE4,
// which has nothing here that SSSE3 has not.
#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSE4 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#endif
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "image/resize_loops.cpp"
#include <hwy/foreach_target.h>
// clang-format off
#include <hwy/highway.h>
// clang-format on

#include <algorithm>
#include <cstring>

#include "image/resize.h"
#include "image/resize_loops.h"

// What Highway calls SCALAR and EMU128 has no vectors: plainly_across and plainly_down, below.

#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128

HWY_BEFORE_NAMESPACE();
namespace llm2clip {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t kRows = kStripRows;
const hn::CappedTag<std::int32_t, kRows> kInts;
const hn::Repartition<std::int16_t, decltype(kInts)> kShorts;
const hn::CappedTag<std::uint8_t, 64> kBytes;
const hn::Full128<std::uint8_t> kColumn;  // a sample of each row
using Ints = hn::Vec<decltype(kInts)>;
using Shorts = hn::Vec<decltype(kShorts)>;
using Bytes = hn::Vec<decltype(kBytes)>;
using Column = hn::Vec<decltype(kColumn)>;
constexpr std::size_t kEach = hn::MaxLanes(kInts);
constexpr std::size_t kParts = kRows / kEach;
constexpr std::size_t kWidth = hn::MaxLanes(kBytes);

// ---- Pairs of samples and their sums

// A pair of samples for each of sixteen places.
struct Pairs {
  Shorts parts[kParts];
};

// `Tag` is that of Shorts: as a parameter it lets each level leave the others' branches out.
template <typename Tag = decltype(kShorts)>
HWY_INLINE Pairs pairs_of(Column first, Column second, Tag shorts = {}) {
  const Column low = hn::InterleaveLower(kColumn, first, second);
  const Column high = hn::InterleaveUpper(kColumn, first, second);
  const hn::Rebind<std::uint8_t, Tag> part;
  Pairs pairs;
  if constexpr (kParts == 1) {
    pairs.parts[0] = hn::PromoteTo(shorts, hn::Combine(part, high, low));
  } else if constexpr (kParts == 2) {
    pairs.parts[0] = hn::PromoteTo(shorts, low);
    pairs.parts[1] = hn::PromoteTo(shorts, high);
  } else {
    pairs.parts[0] = hn::PromoteTo(shorts, hn::LowerHalf(part, low));
    pairs.parts[1] = hn::PromoteTo(shorts, hn::UpperHalf(part, low));
    pairs.parts[2] = hn::PromoteTo(shorts, hn::LowerHalf(part, high));
    pairs.parts[3] = hn::PromoteTo(shorts, hn::UpperHalf(part, high));
  }
  return pairs;
}

// sum + samples.first * weights.first + samples.second * weights.second, for each place.
HWY_INLINE Ints add_products(Ints sum, Shorts samples, std::int32_t weights) {
#if HWY_ARCH_X86
  Ints unused = hn::Zero(kInts);
  return hn::ReorderWidenMulAccumulate(kInts, samples,
                                       hn::BitCast(kShorts, hn::Set(kInts, weights)), sum, unused);
#else
  const Ints pair = hn::BitCast(kInts, samples);
  const Ints first = hn::Set(kInts, static_cast<std::int16_t>(weights & 0xffff));
  const Ints second = hn::Set(kInts, weights >> 16);
  sum = hn::Add(sum, hn::Mul(hn::And(pair, hn::Set(kInts, 0xffff)), first));
  return hn::Add(sum, hn::Mul(hn::ShiftRight<16>(pair), second));
#endif
}

struct Sums {
  Ints high[kParts];
  Ints low[kParts];
};

HWY_INLINE void begin(Sums& sums) {
  for (std::size_t part = 0; part < kParts; ++part) {
    sums.high[part] = hn::Zero(kInts);
    sums.low[part] = hn::Set(kInts, 1 << (kFractionBits - 1));
  }
}

HWY_INLINE void add(Sums& sums, const Shorts* pairs, const PairWeights& weights) {
  for (std::size_t part = 0; part < kParts; ++part) {
    sums.high[part] = add_products(sums.high[part], pairs[part], weights.high);
    sums.low[part] = add_products(sums.low[part], pairs[part], weights.low);
  }
}

// clip8 of Resample.c.
HWY_INLINE void finish(const Sums& sums, std::uint8_t* to) {
  const hn::Rebind<std::uint8_t, decltype(kInts)> some;
  for (std::size_t part = 0; part < kParts; ++part) {
    const Ints sum = hn::Add(hn::ShiftLeft<kLowBits>(sums.high[part]), sums.low[part]);
    hn::StoreU(hn::DemoteTo(some, hn::ShiftRight<kFractionBits>(sum)), some, to + part * kEach);
  }
}

// ---- Across

// Blocks of 16 x 16 samples, one in each 16 bytes of a vector. In each block rows become columns:
// each step interleaves the upper half of the rows with the lower one, which moves one bit of a
// sample's place from the row's number to the column's.
HWY_INLINE void transpose(Bytes (&blocks)[kRows]) {
  for (int step = 0; step < 4; ++step) {
    Bytes next[kRows];
    for (std::size_t i = 0; i < kRows / 2; ++i) {
      next[2 * i] = hn::InterleaveLower(kBytes, blocks[i], blocks[i + kRows / 2]);
      next[2 * i + 1] = hn::InterleaveUpper(kBytes, blocks[i], blocks[i + kRows / 2]);
    }
    for (std::size_t i = 0; i < kRows; ++i) blocks[i] = next[i];
  }
}

// Samples `x` to `x + kWidth` of the strip, as columns: column i of each block, then column i + 1.
HWY_INLINE void stand_up(const Strip& strip, std::size_t x, std::uint8_t* columns) {
  Bytes blocks[kRows];
  if (x + kWidth <= strip.samples) {
    for (std::size_t y = 0; y < kRows; ++y) blocks[y] = hn::LoadU(kBytes, strip.rows[y] + x);
  } else {
    const std::size_t count = x < strip.samples ? strip.samples - x : 0;
    for (std::size_t y = 0; y < kRows; ++y) {
      std::uint8_t some[kWidth] = {};
      if (count > 0) std::memcpy(some, strip.rows[y] + x, count);
      blocks[y] = hn::LoadU(kBytes, some);
    }
  }
  transpose(blocks);
  for (std::size_t i = 0; i < kRows; ++i) hn::Store(blocks[i], kBytes, columns + i * kWidth);
}

// Where stand_up puts column x of several widths.
constexpr std::size_t place_of(std::size_t x) {
  const std::size_t inside = x % kWidth;
  return (x - inside) * kRows + inside % kRows * kWidth + inside / kRows * kRows;
}

template <std::size_t bands>
constexpr auto kPlaces = [] {
  std::array<std::uint16_t, kWidth * bands> places{};
  for (std::size_t x = 0; x < places.size(); ++x)
    places[x] = static_cast<std::uint16_t>(place_of(x));
  return places;
}();

constexpr std::size_t kChunk = kWidth / 2;  // pairs of pixels that are made at once

// Pairs `first` to `first + kChunk` of the strip's pixels; what lies right of it is 0.
template <std::size_t bands>
HWY_INLINE void make_pairs(const Strip& strip, std::size_t first, std::int32_t* pairs) {
  HWY_ALIGN std::uint8_t columns[kRows * kWidth * bands];
  for (std::size_t i = 0; i < bands; ++i) {
    stand_up(strip, 2 * first * bands + i * kWidth, columns + i * kRows * kWidth);
  }
  for (std::size_t pair = 0; pair < kChunk; ++pair) {
    for (std::size_t band = 0; band < bands; ++band) {
      const std::size_t at = 2 * pair * bands + band;
      const Pairs made = pairs_of(hn::Load(kColumn, columns + kPlaces<bands>[at]),
                                  hn::Load(kColumn, columns + kPlaces<bands>[at + bands]));
      for (std::size_t part = 0; part < kParts; ++part) {
        hn::StoreU(hn::BitCast(kInts, made.parts[part]), kInts, pairs + part * kEach);
      }
      pairs += kRows;
    }
  }
}

// `together` of the bands of an output pixel.
template <std::size_t bands, std::size_t together>
HWY_INLINE void weigh_bands(const std::int32_t* pairs, const PairTaps& tap, std::uint8_t* out) {
  Sums sums[together];
  for (Sums& sum : sums) begin(sum);
#pragma GCC unroll 2
  for (std::size_t i = 0; i < tap.pairs; ++i) {
    for (std::size_t band = 0; band < together; ++band) {
      Shorts samples[kParts];
      for (std::size_t part = 0; part < kParts; ++part) {
        samples[part] = hn::BitCast(
            kShorts, hn::LoadU(kInts, pairs + (i * bands + band) * kRows + part * kEach));
      }
      add(sums[band], samples, tap.weights[i]);
    }
  }
  for (std::size_t band = 0; band < together; ++band) finish(sums[band], out + band * kRows);
}

// To columns of the resized rows. Pairs are made shortly before they are needed, so that they are
// still in the cache.
template <std::size_t bands>
HWY_INLINE void weigh_strip(const Strip& strip, const std::vector<PairTaps>& taps,
                            std::vector<std::int32_t>& window, std::uint8_t* out) {
  constexpr std::size_t kPair = bands * kRows;
  // GCC 12 keeps eight sums in registers, and not twelve.
  constexpr std::size_t kTogether = kParts == 1 ? bands : 1;
  const std::size_t room = window.size() / kPair;
  std::size_t begin = taps.front().first;
  std::size_t end = begin;  // what the window holds
  for (const PairTaps& tap : taps) {
    while (end < tap.first + tap.pairs) {
      if (end - begin + kChunk > room) {
        const std::size_t kept = end > tap.first ? end - tap.first : 0;
        std::memmove(window.data(), window.data() + (end - kept - begin) * kPair,
                     kept * kPair * sizeof(std::int32_t));
        begin = end - kept;
      }
      make_pairs<bands>(strip, end, window.data() + (end - begin) * kPair);
      end += kChunk;
    }
    const std::int32_t* pairs = window.data() + (tap.first - begin) * kPair;
    for (std::size_t band = 0; band < bands; band += kTogether) {
      weigh_bands<bands, kTogether>(pairs + band * kRows, tap, out + band * kRows);
    }
    out += kPair;
  }
}

// The columns at `from` and every sixteen columns from there on.
template <typename Tag>
HWY_INLINE hn::Vec<Tag> every_sixteenth(Tag bytes, const std::uint8_t* from) {
  if constexpr (hn::MaxLanes(Tag()) == kRows) {
    return hn::LoadU(bytes, from);
  } else {
    const hn::Half<Tag> half;
    return hn::Combine(bytes, every_sixteenth(half, from + hn::MaxLanes(half) * kRows),
                       every_sixteenth(half, from));
  }
}

// The first `rows` rows of (samples, 16) columns.
HWY_INLINE void lie_down(const std::uint8_t* columns, std::size_t samples, std::size_t rows,
                         std::uint8_t* out) {
  for (std::size_t x = 0; x < samples; x += kWidth) {
    Bytes blocks[kRows];
    for (std::size_t i = 0; i < kRows; ++i) {
      blocks[i] = every_sixteenth(kBytes, columns + (x + i) * kRows);
    }
    transpose(blocks);
    const std::size_t count = std::min(kWidth, samples - x);
    for (std::size_t y = 0; y < rows; ++y) {
      if (count == kWidth) {
        hn::StoreU(blocks[y], kBytes, out + y * samples + x);
      } else {
        std::uint8_t some[kWidth];
        hn::StoreU(blocks[y], kBytes, some);
        std::memcpy(out + y * samples + x, some, count);
      }
    }
  }
}

void across(const Strip& strip, const std::vector<PairTaps>& taps, std::size_t rows,
            StripRoom& room, std::uint8_t* out) {
  std::size_t longest = 0;
  for (const PairTaps& tap : taps) longest = std::max(longest, tap.pairs);
  const std::size_t samples = taps.size() * strip.bands;
  room.pairs.resize((longest + 2 * kChunk) * strip.bands * kRows);
  room.columns.resize((samples + kWidth - 1) / kWidth * kWidth * kRows);
  switch (strip.bands) {
    case 1:
      weigh_strip<1>(strip, taps, room.pairs, room.columns.data());
      break;
    case 2:
      weigh_strip<2>(strip, taps, room.pairs, room.columns.data());
      break;
    case 3:
      weigh_strip<3>(strip, taps, room.pairs, room.columns.data());
      break;
    default:
      weigh_strip<4>(strip, taps, room.pairs, room.columns.data());
      break;
  }
  lie_down(room.columns.data(), samples, rows, out);
}

// ---- Down

// Samples x to x + 16 * vectors. Where the number of rows is odd, the last one is its own second
// with the weight 0.
template <std::size_t vectors>
HWY_INLINE void weigh_columns(const PackedRows& rows, std::size_t x, const PairTaps& tap,
                              std::uint8_t* out) {
  Sums sums[vectors];
  for (Sums& sum : sums) begin(sum);
  for (std::size_t i = 0; i < tap.pairs; ++i) {
    const std::size_t row = 2 * (tap.first + i);
    const std::uint8_t* first = rows.first + row * rows.samples + x;
    const std::uint8_t* second = row + 1 < rows.count ? first + rows.samples : first;
    for (std::size_t v = 0; v < vectors; ++v) {
      const Pairs pairs =
          pairs_of(hn::LoadU(kColumn, first + v * kRows), hn::LoadU(kColumn, second + v * kRows));
      add(sums[v], pairs.parts, tap.weights[i]);
    }
  }
  for (std::size_t v = 0; v < vectors; ++v) finish(sums[v], out + x + v * kRows);
}

void down(const PackedRows& rows, const PairTaps& tap, std::uint8_t* out) {
  constexpr std::size_t kVectors = kParts == 4 ? 1 : kParts == 2 ? 3 : 4;
  std::size_t x = 0;
  for (; x + kVectors * kRows <= rows.samples; x += kVectors * kRows) {
    weigh_columns<kVectors>(rows, x, tap, out);
  }
  for (; x + kRows <= rows.samples; x += kRows) weigh_columns<1>(rows, x, tap, out);
  if (x == rows.samples) return;
  // The rest with some of what is done already, or in wider rows.
  if (rows.samples >= kRows) return weigh_columns<1>(rows, rows.samples - kRows, tap, out);
  std::vector<std::uint8_t> wider(rows.count * kRows);
  for (std::size_t y = 0; y < rows.count; ++y) {
    std::memcpy(wider.data() + y * kRows, rows.first + y * rows.samples, rows.samples);
  }
  std::uint8_t sums[kRows];
  weigh_columns<1>({wider.data(), rows.count, kRows}, 0, tap, sums);
  std::memcpy(out, sums, rows.samples);
}

}  // namespace

extern const ResizeLoops kResizeLoops;
const ResizeLoops kResizeLoops = {HWY_TARGET == HWY_AVX3   ? VectorLevel::avx512
                                  : HWY_TARGET == HWY_AVX2 ? VectorLevel::avx2
                                                           : VectorLevel::plain,
                                  across, down};

}  // namespace HWY_NAMESPACE
}  // namespace llm2clip
HWY_AFTER_NAMESPACE();

#endif

#if HWY_ONCE

#include "base/widest.h"

namespace llm2clip {
namespace {

// ---- Without vectors

std::uint8_t finish(std::int64_t high, std::int64_t low) {
  const std::int64_t sum = (high << kLowBits) + low + (1 << (kFractionBits - 1));
  return static_cast<std::uint8_t>(std::clamp<std::int64_t>(sum >> kFractionBits, 0, 255));
}

// `sample(i)` is the source sample i.
template <typename Sample>
std::uint8_t weigh(const PairTaps& tap, const Sample& sample) {
  std::int64_t high = 0;
  std::int64_t low = 0;
  for (std::size_t i = 0; i < tap.pairs; ++i) {
    const PairWeights& weights = tap.weights[i];
    const std::int64_t first = sample(2 * (tap.first + i));
    const std::int64_t second = sample(2 * (tap.first + i) + 1);
    high += first * static_cast<std::int16_t>(weights.high) + second * (weights.high >> 16);
    low += first * static_cast<std::int16_t>(weights.low) + second * (weights.low >> 16);
  }
  return finish(high, low);
}

void plainly_across(const Strip& strip, const std::vector<PairTaps>& taps, std::size_t rows,
                    StripRoom&, std::uint8_t* out) {
  for (std::size_t y = 0; y < rows; ++y) {
    for (const PairTaps& tap : taps) {
      for (std::size_t band = 0; band < strip.bands; ++band) {
        *out++ = weigh(tap, [&](std::size_t i) {
          const std::size_t at = i * strip.bands + band;
          return at < strip.samples ? strip.rows[y][at] : 0;
        });
      }
    }
  }
}

void plainly_down(const PackedRows& rows, const PairTaps& tap, std::uint8_t* out) {
  for (std::size_t x = 0; x < rows.samples; ++x) {
    out[x] = weigh(
        tap, [&](std::size_t i) { return i < rows.count ? rows.first[i * rows.samples + x] : 0; });
  }
}

constexpr ResizeLoops kPlainLoops = {VectorLevel::plain, plainly_across, plainly_down};

}  // namespace

std::vector<ResizeLoops> all_resize_loops() {
  std::vector<ResizeLoops> loops = {kPlainLoops};
#if HWY_TARGETS & HWY_SSSE3
  if (__builtin_cpu_supports("ssse3")) loops.push_back(N_SSSE3::kResizeLoops);
#endif
#if HWY_TARGETS & HWY_AVX2
  if (processor_vector_level() >= VectorLevel::avx2) loops.push_back(N_AVX2::kResizeLoops);
#endif
#if HWY_TARGETS & HWY_AVX3
  if (processor_vector_level() >= VectorLevel::avx512) loops.push_back(N_AVX3::kResizeLoops);
#endif
#if !HWY_ARCH_X86 && HWY_STATIC_TARGET != HWY_SCALAR && HWY_STATIC_TARGET != HWY_EMU128
  loops.push_back(HWY_STATIC_NAMESPACE::kResizeLoops);
#endif
  return loops;
}

const ResizeLoops& resize_loops() {
  static const ResizeLoops loops = [] {
    std::vector<ResizeLoops> all = all_resize_loops();
    while (all.back().level > vector_level()) all.pop_back();
    return all.back();
  }();
  return loops;
}

}  // namespace llm2clip

#endif  // HWY_ONCE
