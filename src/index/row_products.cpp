#include "index/row_products.h"

#include <algorithm>

#include "base/check.h"
#include "base/halves.h"

namespace llm2clip {
namespace {

constexpr std::size_t kColumns = 16;  // queries side by side
constexpr std::size_t kDepth = 128;   // components of a tile

// How many rows, and groups of sixteen queries, have their sums in registers of `bytes` bytes at
// once. The rest of the registers holds one group of queries and a component of a row.
template <std::size_t bytes>
constexpr std::size_t kTileRows = bytes == 16 ? 2 : 6;
template <std::size_t bytes>
constexpr std::size_t kTileGroups = bytes == 64 ? 4 : 1;
static_assert(RowProducts::kMostRows % kTileRows<64> == 0);
static_assert(RowProducts::kMostRows % kTileRows<16> == 0);

std::size_t groups_of(std::size_t queries) { return (queries + kColumns - 1) / kColumns; }

// (groups, dim, kColumns): what a loop over components reads lies one behind the other.
std::vector<float> in_columns(const EmbeddingsView& queries) {
  const std::size_t dim = queries.dim();
  std::vector<float> columns(groups_of(queries.rows()) * dim * kColumns);
  for (std::size_t query = 0; query < queries.rows(); ++query) {
    float* to = columns.data() + query / kColumns * dim * kColumns + query % kColumns;
    for (std::size_t i = 0; i < dim; ++i) to[i * kColumns] = queries[query][i];
  }
  return columns;
}

template <std::size_t bytes>
LLM2CLIP_INLINE float sum_of(const Floats<bytes>& values) {
  float lanes[kColumns];
  values.store(lanes);
  for (std::size_t half = kColumns / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

template <std::size_t bytes>
LLM2CLIP_INLINE Floats<bytes> load(const float* from) {
  return Floats<bytes>::load(from);
}
template <std::size_t bytes>
LLM2CLIP_INLINE Floats<bytes> load(const std::uint16_t* from) {
  return load_halves<bytes>(from);
}

// One query: a row is read once, sixteen components at a time into four sums. The processor sees
// that rows follow one another and fetches them ahead; asked for what is 256 bytes away it is a
// fifth faster, asked for what is 2 KB away half as fast.
template <std::size_t bytes, typename Number>
LLM2CLIP_INLINE float product(const Number* query, const std::uint16_t* row, std::size_t dim) {
  constexpr std::size_t kSums = 4;
  constexpr std::size_t kAhead = 128;
  Floats<bytes> sums[kSums] = {};
  std::size_t i = 0;
  for (; i + kSums * 16 <= dim; i += kSums * 16) {
    __builtin_prefetch(row + i + kAhead);
    __builtin_prefetch(row + i + kAhead + 32);
    for (std::size_t part = 0; part < kSums; ++part) {
      sums[part] += load<bytes>(row + i + part * 16) * load<bytes>(query + i + part * 16);
    }
  }
  for (; i + 16 <= dim; i += 16) {
    sums[0] += load<bytes>(row + i) * load<bytes>(query + i);
  }
  if (i < dim) {
    Number rest[16] = {};
    std::memcpy(rest, query + i, (dim - i) * sizeof *rest);
    sums[0] += load_some_halves<bytes>(row + i, dim - i) * load<bytes>(rest);
  }
  return sum_of((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

template <std::size_t bytes>
LLM2CLIP_INLINE void widen(const std::uint16_t* from, std::size_t count, float* to) {
  std::size_t i = 0;
  for (; i + 16 <= count; i += 16) load_halves<bytes>(from + i).store(to + i);
  float rest[16];
  load_some_halves<bytes>(from + i, count - i).store(rest);
  std::memcpy(to + i, rest, (count - i) * sizeof *rest);
}

// Where a tile lies: `depth` components of its rows from `values` on, of its queries from `columns`
// on, and its scores, to which their products are added.
struct TileAt {
  const float* columns;
  const float* values;
  float* scores;
  std::size_t dim;  // from one row to the next, and of a group of queries
  std::size_t depth;
  std::size_t stride;
};

// `rows` rows with `groups` groups of queries. The sums are plain registers, and every loop but
// that over components is unrolled: GCC 12 keeps an array of Sixteen in memory, and stores each sum
// each time.
template <std::size_t bytes, std::size_t rows, std::size_t groups>
LLM2CLIP_INLINE void tile(const TileAt& at) {
  using Register = typename Floats<bytes>::Register;
  constexpr std::size_t kEach = Floats<bytes>::kEach;
  constexpr std::size_t kParts = Floats<bytes>::kParts;
  const auto score = [&at](std::size_t row, std::size_t part) LLM2CLIP_INLINE_LAMBDA {
    return at.scores + row * at.stride + part / kParts * kColumns + part % kParts * kEach;
  };
  const auto column = [&at](std::size_t i, std::size_t part) LLM2CLIP_INLINE_LAMBDA {
    return at.columns + (part / kParts * at.dim + i) * kColumns + part % kParts * kEach;
  };
  Register sums[rows][groups * kParts];
#pragma GCC unroll 16
  for (std::size_t r = 0; r < rows; ++r) {
#pragma GCC unroll 16
    for (std::size_t part = 0; part < groups * kParts; ++part)
      std::memcpy(&sums[r][part], score(r, part), bytes);
  }
  for (std::size_t i = 0; i < at.depth; ++i) {
    Register queries[groups * kParts];
#pragma GCC unroll 16
    for (std::size_t part = 0; part < groups * kParts; ++part)
      std::memcpy(&queries[part], column(i, part), bytes);
#pragma GCC unroll 16
    for (std::size_t r = 0; r < rows; ++r) {
      const float value = at.values[r * at.dim + i];
#pragma GCC unroll 16
      for (std::size_t part = 0; part < groups * kParts; ++part) {
        sums[r][part] += value * queries[part];
      }
    }
  }
#pragma GCC unroll 16
  for (std::size_t r = 0; r < rows; ++r) {
#pragma GCC unroll 16
    for (std::size_t part = 0; part < groups * kParts; ++part)
      std::memcpy(score(r, part), &sums[r][part], bytes);
  }
}

template <std::size_t bytes, std::size_t groups>
LLM2CLIP_INLINE void tiles(TileAt at, std::size_t count) {
  constexpr std::size_t kRows = kTileRows<bytes>;
  for (std::size_t row = 0; row < count; row += kRows) {
    tile<bytes, kRows, groups>(at);
    at.values += kRows * at.dim;
    at.scores += kRows * at.stride;
  }
}

// kDepth components of all rows and queries, then the next: of a group of queries they stay in the
// first cache while the rows pass.
template <std::size_t bytes>
LLM2CLIP_INLINE void all_tiles(const float* columns, const float* values, std::size_t count,
                               std::size_t dim, float* scores, std::size_t stride) {
  constexpr std::size_t kGroups = kTileGroups<bytes>;
  const std::size_t all = stride / kColumns;
  for (std::size_t first = 0; first < dim; first += kDepth) {
    const auto at = [&](std::size_t group) LLM2CLIP_INLINE_LAMBDA {
      return TileAt{columns + (group * dim + first) * kColumns,
                    values + first,
                    scores + group * kColumns,
                    dim,
                    std::min(kDepth, dim - first),
                    stride};
    };
    std::size_t group = 0;
    for (; group + kGroups <= all; group += kGroups) tiles<bytes, kGroups>(at(group), count);
    for (; group < all; ++group) tiles<bytes, 1>(at(group), count);
  }
}

}  // namespace

RowProducts::RowProducts(const EmbeddingsView& queries)
    : queries_(queries.rows()),
      dim_(queries.dim()),
      stride_(queries_ == 1 ? 1 : groups_of(queries_) * kColumns),
      values_(queries_ == 1 ? std::vector<float>(queries.values().begin(), queries.values().end())
                            : in_columns(queries)) {}

float RowProducts::error() const {
  // Of a sum of dim products in any order: each addition rounds by 2^-24 of at most 1, and rows are
  // units but for their own rounding.
  constexpr float kUnit = 0x1p-24f;
  constexpr float kRoom = 1.01f;
  return kRoom * kUnit * static_cast<float>(dim_ + kColumns);
}

RowProducts::Scratch RowProducts::scratch() const {
  return {std::vector<float>(queries_ == 1 ? 0 : kMostRows * dim_),
          std::vector<float>(kMostRows * stride_)};
}

void RowProducts::multiply(const std::uint16_t* rows, std::size_t count, Scratch& scratch) const {
  LLM2CLIP_CHECK(count <= kMostRows);
  float* const scores = scratch.scores.data();
  if (queries_ == 1) {
    widest([&](auto registers) LLM2CLIP_INLINE_LAMBDA {
      for (std::size_t row = 0; row < count; ++row) {
        scores[row] = product<registers>(values_.data(), rows + row * dim_, dim_);
      }
    });
    return;
  }
  widest([&](auto registers) LLM2CLIP_INLINE_LAMBDA {
    widen<registers>(rows, count * dim_, scratch.rows.data());
    std::fill_n(scores, kMostRows * stride_, 0.0f);
    all_tiles<registers>(values_.data(), scratch.rows.data(), count, dim_, scores, stride_);
  });
}

float quick_product(const float* query, const std::uint16_t* row, std::size_t dim) {
  float result = 0;
  widest([&](auto registers)
             LLM2CLIP_INLINE_LAMBDA { result = product<registers>(query, row, dim); });
  return result;
}

float quick_product(const std::uint16_t* first, const std::uint16_t* second, std::size_t dim) {
  float result = 0;
  widest([&](auto registers)
             LLM2CLIP_INLINE_LAMBDA { result = product<registers>(first, second, dim); });
  return result;
}

std::vector<float> widened(std::span<const std::uint16_t> row) {
  std::vector<float> wide(row.size());
  widest([&](auto registers)
             LLM2CLIP_INLINE_LAMBDA { widen<registers>(row.data(), row.size(), wide.data()); });
  return wide;
}

float exact_product(std::span<const float> query, std::span<const std::uint16_t> row) {
  constexpr std::size_t kSums = 4;  // always the same, whatever the processor
  const std::vector<float> wide = widened(row);
  double sums[kSums] = {};
  for (std::size_t i = 0; i < wide.size(); ++i) {
    sums[i % kSums] += static_cast<double>(query[i]) * static_cast<double>(wide[i]);
  }
  return static_cast<float>((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

}  // namespace llm2clip
