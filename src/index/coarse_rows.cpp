#include "index/coarse_rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/widest.h"
#include "index/index_file.h"
#include "index/row_products.h"
#include "index/segment.h"

namespace llm2clip {
namespace {

constexpr int kMostCoarse = 127;
constexpr std::uint64_t kAligned = sizeof(float);

std::uint64_t scales_at(std::uint64_t rows, std::size_t dim) {
  return (rows * dim + kAligned - 1) / kAligned * kAligned;
}

float largest(std::span<const float> values) {
  float most = 0;
  for (const float value : values) most = std::max(most, std::abs(value));
  return most;
}

template <typename To>
To nearest(float value, float scale, int most) {
  if (scale == 0) return 0;
  return static_cast<To>(
      std::clamp(std::lround(value / scale), -static_cast<long>(most), static_cast<long>(most)));
}

// Both sides' products, sixteen components at a time, in sums of 32 bits that the query's size
// keeps from running over. The instructions themselves, as in halves.h: the compiler does not find
// them.
template <std::size_t bytes>
LLM2CLIP_INLINE std::int32_t integer_product(const std::int16_t* query, const std::int8_t* row,
                                             std::size_t dim) {
  std::int32_t sum = 0;
  std::size_t i = 0;
#if defined(__x86_64__) && defined(__GNUC__)
  if constexpr (bytes > 16) {
    constexpr std::size_t kEach = bytes / sizeof(std::int16_t);
    constexpr std::size_t kSums = 4;
    using Words [[gnu::vector_size(bytes)]] = std::int32_t;
    struct Queries {
      std::int16_t values[kEach];
    };
    struct Rows {
      std::int8_t values[kEach];
    };
    Words sums[kSums] = {};
    for (; i + kSums * kEach <= dim; i += kSums * kEach) {
#pragma GCC unroll 4
      for (std::size_t part = 0; part < kSums; ++part) {
        const auto* some = reinterpret_cast<const Rows*>(row + i + part * kEach);
        const auto* factors = reinterpret_cast<const Queries*>(query + i + part * kEach);
        Words products;
        asm("vpmovsxbw %1, %0" : "=v"(products) : "m"(*some));
        asm("vpmaddwd %1, %0, %0" : "+v"(products) : "m"(*factors));
        sums[part] += products;
      }
    }
    const Words all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    std::int32_t lanes[bytes / sizeof(std::int32_t)];
    std::memcpy(lanes, &all, bytes);
    for (const std::int32_t lane : lanes) sum += lane;
  }
#endif
  for (; i < dim; ++i) sum += std::int32_t{query[i]} * row[i];
  return sum;
}

}  // namespace

CoarseQuery::CoarseQuery(std::span<const float> query) : values_(query.size()) {
  const std::size_t room = kMostCoarse * std::max<std::size_t>(query.size(), 1);
  const auto most =
      static_cast<int>(std::clamp<std::size_t>(std::numeric_limits<std::int32_t>::max() / room, 1,
                                               std::numeric_limits<std::int16_t>::max()));
  scale_ = largest(query) / static_cast<float>(most);
  double squares = 0;
  for (std::size_t i = 0; i < query.size(); ++i) {
    values_[i] = nearest<std::int16_t>(query[i], scale_, most);
    const double rest = query[i] - static_cast<double>(scale_) * values_[i];
    squares += rest * rest;
    norm_ += static_cast<double>(query[i]) * query[i];
  }
  norm_ = std::sqrt(norm_);
  left_out_ = std::sqrt(squares);
}

float CoarseQuery::product(const std::int8_t* row, float scale) const {
  std::int32_t sum = 0;
  widest([&](auto registers) LLM2CLIP_INLINE_LAMBDA {
    sum = integer_product<registers>(values_.data(), row, values_.size());
  });
  return scale_ * scale * static_cast<float>(sum);
}

// q r = (q' + f)(r' + e) with the coarse q' and r': what is left out is q e + f r', at most
// |q| |e| + |f| (|r| + |e|). Rows are units but for the rounding to float16, and the product is
// rounded three times.
float CoarseQuery::error(float row_error) const {
  constexpr double kRoom = 1.001;
  constexpr double kRounding = 0x1p-20;
  const double row = row_error;
  return static_cast<float>(
      kRoom * (norm_ * row + left_out_ * (kRoom + row) + kRounding * (norm_ + left_out_)));
}

std::uint64_t coarse_bytes(std::uint64_t rows, std::size_t dim) {
  return scales_at(rows, dim) + rows * sizeof(float);
}

CoarseScale make_coarse(std::span<const std::uint16_t> row, std::span<std::int8_t> coarse) {
  const std::vector<float> values = widened(row);
  const float scale = largest(values) / kMostCoarse;
  double squares = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    coarse[i] = nearest<std::int8_t>(values[i], scale, kMostCoarse);
    const double rest = values[i] - static_cast<double>(scale) * coarse[i];
    squares += rest * rest;
  }
  return {scale, std::sqrt(squares)};
}

IndexCoarse write_coarse_rows(const std::filesystem::path& folder, const std::string& name,
                              const Segment& rows, std::size_t dim) {
  IndexFileWriter file(folder, name);
  std::vector<float> scales;
  std::vector<std::int8_t> coarse(dim);
  double error = 0;
  for (std::uint64_t row = 0; row < rows.rows(); ++row) {
    const CoarseScale made = make_coarse(rows.row(row), coarse);
    error = std::max(error, made.error);
    scales.push_back(made.scale);
    file.write(std::as_bytes(std::span(coarse)));
  }
  const std::vector<std::byte> gap(scales_at(rows.rows(), dim) - rows.rows() * dim);
  file.write(gap);
  file.write(std::as_bytes(std::span(scales)));
  return {file.commit(), error};
}

}  // namespace llm2clip
