#include "index/row_products.h"

#include <algorithm>

#include "base/check.h"
#include "base/halves.h"

namespace llm2clip {
namespace {

constexpr std::size_t kColumns = 16;  // queries side by side

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

// One query: a row is read once, sixteen components at a time into four sums. The processor sees
// that rows follow one another and fetches them ahead; asked for what is 256 bytes away it is a
// fifth faster, asked for what is 2 KB away half as fast.
template <std::size_t bytes>
LLM2CLIP_INLINE float product(const float* query, const std::uint16_t* row, std::size_t dim) {
  constexpr std::size_t kSums = 4;
  constexpr std::size_t kAhead = 128;
  Floats<bytes> sums[kSums] = {};
  std::size_t i = 0;
  for (; i + kSums * 16 <= dim; i += kSums * 16) {
    __builtin_prefetch(row + i + kAhead);
    __builtin_prefetch(row + i + kAhead + 32);
    for (std::size_t part = 0; part < kSums; ++part) {
      sums[part] +=
          load_halves<bytes>(row + i + part * 16) * Floats<bytes>::load(query + i + part * 16);
    }
  }
  for (; i + 16 <= dim; i += 16) {
    sums[0] += load_halves<bytes>(row + i) * Floats<bytes>::load(query + i);
  }
  if (i < dim) {
    float rest[16] = {};
    std::memcpy(rest, query + i, (dim - i) * sizeof *rest);
    sums[0] += load_some_halves<bytes>(row + i, dim - i) * Floats<bytes>::load(rest);
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

// `rows` rows from `values` on with `groups` groups of queries from `columns` on. The sums are
// plain registers, and every loop but that over components is unrolled: GCC 12 keeps an array of
// Sixteen in memory, and stores each sum each time.
template <std::size_t bytes, std::size_t rows, std::size_t groups>
LLM2CLIP_INLINE void tile(const float* columns, const float* values, std::size_t dim, float* scores,
                          std::size_t stride) {
  using Register = typename Floats<bytes>::Register;
  constexpr std::size_t kEach = Floats<bytes>::kEach;
  constexpr std::size_t kParts = Floats<bytes>::kParts;
  Register sums[rows][groups * kParts];
  for (auto& row : sums) {
    for (Register& sum : row) sum = Register{};
  }
  for (std::size_t i = 0; i < dim; ++i) {
    Register queries[groups * kParts];
#pragma GCC unroll 16
    for (std::size_t part = 0; part < groups * kParts; ++part) {
      std::memcpy(&queries[part],
                  columns + (part / kParts * dim + i) * kColumns + part % kParts * kEach, bytes);
    }
#pragma GCC unroll 16
    for (std::size_t r = 0; r < rows; ++r) {
      const float value = values[r * dim + i];
#pragma GCC unroll 16
      for (std::size_t part = 0; part < groups * kParts; ++part) {
        sums[r][part] += value * queries[part];
      }
    }
  }
#pragma GCC unroll 16
  for (std::size_t r = 0; r < rows; ++r) {
#pragma GCC unroll 16
    for (std::size_t part = 0; part < groups * kParts; ++part) {
      std::memcpy(scores + r * stride + part / kParts * kColumns + part % kParts * kEach,
                  &sums[r][part], bytes);
    }
  }
}

template <std::size_t bytes, std::size_t groups>
LLM2CLIP_INLINE void tiles(const float* columns, const float* values, std::size_t count,
                           std::size_t dim, float* scores, std::size_t stride) {
  constexpr std::size_t kRows = kTileRows<bytes>;
  for (std::size_t row = 0; row < count; row += kRows) {
    tile<bytes, kRows, groups>(columns, values + row * dim, dim, scores + row * stride, stride);
  }
}

template <std::size_t bytes>
LLM2CLIP_INLINE void all_tiles(const float* columns, const float* values, std::size_t count,
                               std::size_t dim, float* scores, std::size_t stride) {
  constexpr std::size_t kGroups = kTileGroups<bytes>;
  const std::size_t all = stride / kColumns;
  std::size_t group = 0;
  for (; group + kGroups <= all; group += kGroups) {
    tiles<bytes, kGroups>(columns + group * dim * kColumns, values, count, dim,
                          scores + group * kColumns, stride);
  }
  for (; group < all; ++group) {
    tiles<bytes, 1>(columns + group * dim * kColumns, values, count, dim, scores + group * kColumns,
                    stride);
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
    all_tiles<registers>(values_.data(), scratch.rows.data(), count, dim_, scores, stride_);
  });
}

float exact_product(std::span<const float> query, std::span<const std::uint16_t> row) {
  constexpr std::size_t kSums = 4;  // always the same, whatever the processor
  std::vector<float> wide(row.size());
  widest([&](auto registers)
             LLM2CLIP_INLINE_LAMBDA { widen<registers>(row.data(), row.size(), wide.data()); });
  double sums[kSums] = {};
  for (std::size_t i = 0; i < wide.size(); ++i) {
    sums[i % kSums] += static_cast<double>(query[i]) * static_cast<double>(wide[i]);
  }
  return static_cast<float>((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

}  // namespace llm2clip
