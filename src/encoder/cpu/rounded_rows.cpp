#include "encoder/cpu/rounded_rows.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <algorithm>
#include <limits>
#include <type_traits>

#include "encoder/cpu/amx_tile.h"
#include "encoder/cpu/rows_of.h"
#include "encoder/cpu/vector.h"

namespace llm2clip {
namespace {

using panel::Elements;
using std::int64_t;

// A row's values of one block, in float32.
template <std::size_t bytes>
LLM2CLIP_INLINE void widen_row(const at::Tensor& x, int64_t start, int64_t count, float* wide) {
  if (x.scalar_type() == at::kFloat) {
    vector::widen<bytes>(static_cast<const float*>(x.const_data_ptr()) + start, count, wide);
  } else {
    vector::widen<bytes>(static_cast<const std::uint16_t*>(x.const_data_ptr()) + start, count,
                         wide);
  }
}

// Returns the sum of the integers, and the scale by way of `scale`.
template <typename Integer>
LLM2CLIP_INLINE std::int32_t round_group(const float* values, int64_t count, float most,
                                         Integer* to, float& scale) {
  // Of floats without a sign the larger one has the larger bits, and of those a loop is vectorized.
  std::int32_t largest_bits = 0;
  for (int64_t i = 0; i < count; ++i) {
    const std::int32_t bits = __builtin_bit_cast(std::int32_t, values[i]) & 0x7fffffff;
    largest_bits = bits > largest_bits ? bits : largest_bits;
  }
  const auto largest = __builtin_bit_cast(float, largest_bits);
  scale = largest / most;
  // What is smaller has no finite inverse, and counts for nothing.
  const float back = largest > most * std::numeric_limits<float>::min() ? most / largest : 0;
  std::int32_t all = 0;
  for (int64_t i = 0; i < count; ++i) {
    // Adding and taking away 1.5 * 2^23 rounds to the nearest, ties to even.
    const auto rounded = static_cast<std::int32_t>(values[i] * back + 12582912.0f - 12582912.0f);
    to[i] = static_cast<Integer>(rounded);
    all += rounded;
  }
  return all;
}

// Of eight neighbors the first, third, fifth and seventh, then the others (panel.h).
LLM2CLIP_INLINE void order_bytes(const std::int8_t* from, int64_t count, std::int8_t* to) {
  for (int64_t k = 0; k < count; k += 8) {
    std::uint64_t eight;
    std::memcpy(&eight, from + k, sizeof eight);
    // Four bytes of every second place, moved together.
    const auto together = [](std::uint64_t bytes) {
      bytes &= 0x00ff00ff00ff00ffu;
      bytes = (bytes | bytes >> 8) & 0x0000ffff0000ffffu;
      return (bytes | bytes >> 16) & 0xffffffffu;
    };
    eight = together(eight) | together(eight >> 8) << 32;
    std::memcpy(to + k, &eight, sizeof eight);
  }
}

template <std::size_t bytes, Elements elements>
LLM2CLIP_INLINE void round_row(const at::Tensor& x, int64_t start, int64_t count,
                               const RoundedRows::Layout& layout, float* to, float* scales,
                               float* sums, float* starts) {
  constexpr int64_t kEach = panel::values_in(elements);
  const auto most = static_cast<float>(layout.most);
  const int64_t group = layout.group;
  constexpr int64_t kMost = panel::most_values(elements);
  using Integer = std::conditional_t<elements == Elements::bytes, std::int8_t, std::int16_t>;
  float wide[kMost];
  Integer integers[kMost + kEach];
  widen_row<bytes>(x, start, count, wide);
  for (int64_t k = 0; k < count; k += group) {
    float scale;
    const std::int32_t sum =
        round_group(wide + k, std::min(group, count - k), most, integers + k, scale);
    scales[k / group] = scale;
    sums[k / group] = scale * static_cast<float>(sum);
    starts[k / group] = __builtin_bit_cast(float, layout.raised ? -128 * sum : 0);
  }
  if constexpr (elements == Elements::bytes) {
    // Up to the end of a tile.
    std::fill(to + count / kEach, to + amx_tile::whole(at::divup(count, kEach)), 0.0f);
    if (layout.in_turns) return order_bytes(integers, count, reinterpret_cast<std::int8_t*>(to));
  }
  std::fill_n(integers + count, kEach - 1, Integer{0});  // of the last element
  std::memcpy(to, integers, static_cast<std::size_t>(at::divup(count, kEach)) * sizeof(float));
}

}  // namespace

RoundedRows::RoundedRows(const at::Tensor& x, const Layout& layout) : rows_(rows_in(x)) {
  const int64_t depth = x.size(-1), block_depth = layout.block;
  const int64_t blocks = at::divup(depth, layout.block), stride = RowsOf<const float>(x).stride;
  values_ = at::empty({blocks * rows_ + amx_tile::kRows - 1, tile::kRowStride}, at::kFloat);
  scales_ = at::empty({blocks * rows_ + amx_tile::kRows - 1, kMostGroups}, at::kFloat);
  sums_ = at::empty_like(scales_);
  starts_ = at::empty_like(scales_);
  auto* values = values_.mutable_data_ptr<float>();
  auto* scales = scales_.mutable_data_ptr<float>();
  auto* sums = sums_.mutable_data_ptr<float>();
  auto* starts = starts_.mutable_data_ptr<float>();
  at::parallel_for(0, blocks * rows_, 16, [&](int64_t begin, int64_t end) {
    widest([&](auto registers) LLM2CLIP_INLINE_LAMBDA {
      for (int64_t at = begin; at < end; ++at) {
        const int64_t first = at / rows_ * block_depth, start = at % rows_ * stride + first;
        const int64_t count = std::min(block_depth, depth - first);
        float* const to = values + at * tile::kRowStride;
        const int64_t groups = at * kMostGroups;
        const auto round = [&](auto elements) LLM2CLIP_INLINE_LAMBDA {
          round_row<registers, elements>(x, start, count, layout, to, scales + groups,
                                         sums + groups, starts + groups);
        };
        if (layout.elements == Elements::bytes) {
          round(std::integral_constant<Elements, Elements::bytes>());
        } else {
          round(std::integral_constant<Elements, Elements::integers>());
        }
      }
    });
  });
}

RoundedRows::Rows RoundedRows::from(int64_t block, int64_t row) const {
  const Rows all{values_.const_data_ptr<float>(), scales_.const_data_ptr<float>(),
                 sums_.const_data_ptr<float>(), starts_.const_data_ptr<float>()};
  return all.from(block * rows_ + row);
}

}  // namespace llm2clip
