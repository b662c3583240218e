#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "encoder/cpu/panel.h"
#include "encoder/cpu/product_parts.h"
#include "encoder/cpu/rounded_rows.h"
#include "encoder/cpu/vector.h"

// What the loops of a product with a stored weight share: see note [Products in place].
namespace llm2clip::products {

constexpr int kOneGroup = 62;  // shift of a row that is one group
// Of integers, however they lie: so a row of one group is rounded alike everywhere.
constexpr std::int64_t kMostInGroup = panel::most_values(panel::Elements::integers);
// Floats between the scales of a panel and those of the next one.
constexpr std::int64_t kGroupStride = RoundedRows::kMostGroups * panel::kWidth;
constexpr std::int64_t kLine = 64;  // bytes that a cache takes at once

inline std::optional<panel::Stored> stored_as(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return panel::Stored::float32;
    case at::kBFloat16:
      return panel::Stored::bfloat16;
    case at::kHalf:
      return panel::Stored::float16;
    case at::kChar:
      return panel::Stored::int8;
    case at::kByte:
      return panel::Stored::int4;
    default:
      return std::nullopt;
  }
}

// A matrix of stored values as the loops see it.
struct Matrix {
  const std::byte* data = nullptr;
  std::int64_t row_bytes = 0;
  panel::Stored stored = panel::Stored::float32;

  Matrix() = default;
  explicit Matrix(const at::Tensor& values)
      : data(static_cast<const std::byte*>(values.const_data_ptr())),
        row_bytes(values.stride(0) * values.element_size()),
        stored(*stored_as(values.scalar_type())) {}
};

// Everything that a product is made of.
struct Job {
  panel::Elements elements = panel::Elements::floats;
  const std::byte* x = nullptr;
  std::int64_t x_stride = 0;  // in values
  bool is_bfloat16 = false;   // x and the result
  std::int64_t rows = 0, depth = 0, columns = 0;
  Matrix weight, scales, minimums;  // without data: none
  int group_shift = 0;              // value k is in group k >> group_shift
  const float* bias = nullptr;
  const RoundedRows* rounded = nullptr;
  panel::Unit unit = panel::Unit::vectors;
  std::byte* result = nullptr;

  // Values of a row in a block.
  std::int64_t block_depth() const {
    const std::int64_t most = panel::most_values(elements);
    return group_shift == kOneGroup ? std::min(most, kMostInGroup) : most;
  }
  std::int64_t group() const { return std::min(std::int64_t{1} << group_shift, block_depth()); }
  std::int64_t blocks() const { return at::divup(depth, block_depth()); }
};

// Sixteen rows of `count` from `first` on; the last one again where there are no more.
LLM2CLIP_INLINE std::array<const std::byte*, panel::kWidth> neighbors(const std::byte* data,
                                                                      std::int64_t row_bytes,
                                                                      std::int64_t first,
                                                                      std::int64_t count) {
  std::array<const std::byte*, panel::kWidth> rows;
  for (std::int64_t i = 0; i < panel::kWidth; ++i) {
    rows[static_cast<std::size_t>(i)] = data + std::min(first + i, count - 1) * row_bytes;
  }
  return rows;
}

template <std::size_t bytes, panel::Elements elements = panel::Elements::floats>
LLM2CLIP_INLINE void widen(const Matrix& matrix, const Job& job, std::int64_t column,
                           std::int64_t first, std::int64_t count, const panel::Scales& scaled,
                           float* to) {
  const auto rows = neighbors(matrix.data, matrix.row_bytes, column, job.columns);
  if constexpr (panel::are_integers(elements)) {
    if (matrix.stored == panel::Stored::int8) {
      return panel::widen_panel<bytes, panel::Stored::int8, elements>(rows, first, count, scaled,
                                                                      to);
    }
    panel::widen_panel<bytes, panel::Stored::int4, elements>(rows, first, count, scaled, to);
  } else {
    switch (matrix.stored) {
      case panel::Stored::float32:
        return panel::widen_panel<bytes, panel::Stored::float32, elements>(rows, first, count,
                                                                           scaled, to);
      case panel::Stored::bfloat16:
        return panel::widen_panel<bytes, panel::Stored::bfloat16, elements>(rows, first, count,
                                                                            scaled, to);
      case panel::Stored::float16:
        return panel::widen_panel<bytes, panel::Stored::float16, elements>(rows, first, count,
                                                                           scaled, to);
      case panel::Stored::int8:
        return panel::widen_panel<bytes, panel::Stored::int8, elements>(rows, first, count, scaled,
                                                                        to);
      case panel::Stored::int4:
        return panel::widen_panel<bytes, panel::Stored::int4, elements>(rows, first, count, scaled,
                                                                        to);
    }
  }
}

// What the groups of sixteen columns are multiplied with, and what is added then, in float32.
template <std::size_t bytes>
LLM2CLIP_INLINE panel::Scales fill_scales(const Job& job, std::int64_t column, std::int64_t first,
                                          std::int64_t count, float* scales, float* minimums) {
  if (!job.scales.data) return {};
  const std::int64_t group = first >> job.group_shift;
  const std::int64_t groups = ((count - 1) >> job.group_shift) + 1;
  widen<bytes>(job.scales, job, column, group, groups, {}, scales);
  if (job.minimums.data) {
    widen<bytes>(job.minimums, job, column, group, groups, {}, minimums);
  } else {
    std::fill_n(minimums, groups * panel::kWidth, 0.0f);
  }
  return {scales, minimums, job.group_shift};
}

// Values of neighboring columns: one or some panels.
struct Block {
  std::int64_t column, columns;
  std::int64_t first, count;  // values
};

// Asks for the block's rows of the weight, some at a time, while there is something to multiply.
class Fetch {
 public:
  // `times`: how often some() will be called.
  LLM2CLIP_INLINE Fetch(const Job& job, const Block& block, std::int64_t times)
      : row_bytes_(job.weight.row_bytes), some_(at::divup(block.columns, times)) {
    const std::int64_t bits = panel::bits_of(job.weight.stored);
    size_ = block.count * bits / 8;
    next_ = job.weight.data + block.column * row_bytes_ + block.first * bits / 8;
    left_ = std::min(block.columns, job.columns - block.column);
  }
  LLM2CLIP_INLINE void some() {
    for (std::int64_t i = 0; i < some_ && left_ > 0; ++i, --left_, next_ += row_bytes_) {
      for (std::int64_t at = 0; at < size_; at += kLine) __builtin_prefetch(next_ + at, 0, 2);
    }
  }

 private:
  const std::byte* next_;
  std::int64_t row_bytes_, size_, left_, some_;
};

// Calls take(start, stop) for each stretch of `blocks` blocks of values, then multiply(block, next)
// for those of all columns of the part, `columns` at a time. Of few rows a stretch has several
// blocks, so that the rows of the weight are read further before the next ones.
template <typename Take, typename Multiply>
LLM2CLIP_INLINE void each_block(const Job& job, const ProductPart& part, std::int64_t columns,
                                std::int64_t blocks, const Take& take, const Multiply& multiply) {
  const std::int64_t depth = job.block_depth(), span = blocks * depth;
  const std::int64_t end = part.column + part.columns;
  for (std::int64_t start = 0; start < job.depth; start += span) {
    const std::int64_t stop = std::min(start + span, job.depth);
    const auto block_at = [&](std::int64_t column, std::int64_t first) LLM2CLIP_INLINE_LAMBDA {
      return Block{column, std::min(columns, end - column), first, std::min(depth, stop - first)};
    };
    take(start, stop);
    for (std::int64_t column = part.column; column < end; column += columns) {
      for (std::int64_t first = start; first < stop; first += depth) {
        const Block next = first + depth < stop ? block_at(column, first + depth)
                                                : block_at(std::min(column + columns, end), start);
        multiply(block_at(column, first), next);
      }
    }
  }
}

// `count` finished sums, of one panel. The bias is that of the same columns.
template <std::size_t bytes, typename Result>
LLM2CLIP_INLINE void give_sums(vector::Floats<bytes> values, const float* bias, std::int64_t count,
                               Result* to) {
  if (count == panel::kWidth) {
    if (bias) values += vector::load<bytes>(bias);
    vector::store(values, to);
  } else {
    if (bias) values += vector::load_some<bytes>(bias, count);
    vector::store_some(values, to, count);
  }
}

}  // namespace llm2clip::products
