#include "encoder/cpu/stored_product.h"

#include <ATen/ops/empty.h>
#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <bit>
#include <vector>

#include "encoder/cpu/panel.h"
#include "encoder/cpu/rows_of.h"
#include "encoder/cpu/tile.h"

namespace llm2clip {
namespace {

using panel::kDepth;
using panel::kWidth;
using panel::Stored;
using std::int64_t;

// Rows and columns that stay in the second cache, with their sums: 240 KB each.
constexpr int64_t kMostRows = 240;
constexpr int64_t kMostColumns = 256;
constexpr int64_t kLeastGroup = 16;
constexpr int kOneGroup = 62;  // shift of a row that is one group
constexpr int64_t kLine = 64;  // bytes that a cache takes at once

std::optional<Stored> stored_as(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return Stored::float32;
    case at::kBFloat16:
      return Stored::bfloat16;
    case at::kHalf:
      return Stored::float16;
    case at::kChar:
      return Stored::int8;
    case at::kByte:
      return Stored::int4;
    default:
      return std::nullopt;
  }
}

bool is_matrix(const at::Tensor& values) {
  return values.defined() && values.is_cpu() && values.dim() == 2 && values.size(0) > 0 &&
         values.size(1) > 0 && values.stride(1) == 1 && stored_as(values.scalar_type());
}

// Whether its values have scales.
bool is_grouped(const at::Tensor& values) {
  return values.scalar_type() == at::kChar || values.scalar_type() == at::kByte;
}

// K
int64_t depth_of(const at::Tensor& values) {
  return values.size(1) * (values.scalar_type() == at::kByte ? 2 : 1);
}

// A matrix of stored values as the loops see it.
struct Matrix {
  const std::byte* data = nullptr;
  int64_t row_bytes = 0;
  Stored stored = Stored::float32;

  Matrix() = default;
  explicit Matrix(const at::Tensor& values)
      : data(static_cast<const std::byte*>(values.const_data_ptr())),
        row_bytes(values.stride(0) * values.element_size()),
        stored(*stored_as(values.scalar_type())) {}
};

// Everything that a product is made of.
struct Job {
  const std::byte* x = nullptr;
  int64_t x_stride = 0;      // in values
  bool is_bfloat16 = false;  // x and the result
  int64_t rows = 0, depth = 0, columns = 0;
  Matrix weight, scales, minimums;  // without data: none
  int group_shift = 0;              // value k is in group k >> group_shift
  const float* bias = nullptr;
  std::byte* result = nullptr;
};

// A part of the result: rows and columns that a thread computes in one go.
struct Part {
  int64_t row, rows, column, columns;
};

// Of one thread, and no larger than the job needs: what a text of a few tokens takes is little.
class Scratch {
  std::vector<at::DataPtr> memory_;
  int64_t rows_, columns_;

  float* take(int64_t count) {
    const auto bytes = static_cast<std::size_t>(count) * sizeof(float);
    return static_cast<float*>(memory_.emplace_back(c10::GetCPUAllocator()->allocate(bytes)).get());
  }

 public:
  explicit Scratch(const Job& job)
      : rows_(std::min(job.rows, kMostRows)),
        columns_(std::min(at::divup(job.columns, kWidth) * kWidth, kMostColumns)) {}

  float* a = take(rows_ * tile::kRowStride);
  float* panel = take(kDepth * kWidth);
  float* scales = take(kDepth / kLeastGroup * kWidth);
  float* minimums = take(kDepth / kLeastGroup * kWidth);
  float* sums = take(rows_ * columns_);  // [panel][row][kWidth]
};

LLM2CLIP_INLINE void copy_widened(const std::uint16_t* from, int64_t count, float* to) {
  for (int64_t i = 0; i < count; ++i) {
    to[i] = __builtin_bit_cast(float, std::uint32_t{from[i]} << 16);
  }
}

LLM2CLIP_INLINE void take_rows(const Job& job, const Part& part, int64_t first, int64_t count,
                               float* a) {
  for (int64_t row = 0; row < part.rows; ++row) {
    const int64_t start = (part.row + row) * job.x_stride + first;
    if (job.is_bfloat16) {
      copy_widened(reinterpret_cast<const std::uint16_t*>(job.x) + start, count,
                   a + row * tile::kRowStride);
    } else {
      std::memcpy(a + row * tile::kRowStride, reinterpret_cast<const float*>(job.x) + start,
                  static_cast<std::size_t>(count) * sizeof(float));
    }
  }
}

// The rows from `column` on; the last one again where there are no more.
LLM2CLIP_INLINE std::array<const std::byte*, kWidth> neighbors(const Matrix& matrix, const Job& job,
                                                               int64_t column) {
  std::array<const std::byte*, kWidth> rows;
  for (int64_t i = 0; i < kWidth; ++i) {
    rows[static_cast<std::size_t>(i)] =
        matrix.data + std::min(column + i, job.columns - 1) * matrix.row_bytes;
  }
  return rows;
}

template <std::size_t bytes>
LLM2CLIP_INLINE void widen(const Matrix& matrix, const Job& job, int64_t column, int64_t first,
                           int64_t count, const panel::Scales& scaled, float* to) {
  const auto rows = neighbors(matrix, job, column);
  switch (matrix.stored) {
    case Stored::float32:
      return panel::widen_panel<bytes, Stored::float32>(rows, first, count, scaled, to);
    case Stored::bfloat16:
      return panel::widen_panel<bytes, Stored::bfloat16>(rows, first, count, scaled, to);
    case Stored::float16:
      return panel::widen_panel<bytes, Stored::float16>(rows, first, count, scaled, to);
    case Stored::int8:
      return panel::widen_panel<bytes, Stored::int8>(rows, first, count, scaled, to);
    case Stored::int4:
      return panel::widen_panel<bytes, Stored::int4>(rows, first, count, scaled, to);
  }
}

template <std::size_t bytes>
LLM2CLIP_INLINE void fill_panel(const Job& job, int64_t column, int64_t first, int64_t count,
                                const Scratch& scratch) {
  panel::Scales scaled;
  if (job.scales.data) {
    const int64_t group = first >> job.group_shift, groups = ((count - 1) >> job.group_shift) + 1;
    widen<bytes>(job.scales, job, column, group, groups, {}, scratch.scales);
    if (job.minimums.data) {
      widen<bytes>(job.minimums, job, column, group, groups, {}, scratch.minimums);
    } else {
      std::fill_n(scratch.minimums, groups * kWidth, 0.0f);
    }
    scaled = {scratch.scales, scratch.minimums, job.group_shift};
  }
  widen<bytes>(job.weight, job, column, first, count, scaled, scratch.panel);
}

// Rounded to the nearest, ties to even.
LLM2CLIP_INLINE std::uint16_t as_bfloat16(float value) {
  const auto bits = __builtin_bit_cast(std::uint32_t, value);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

LLM2CLIP_INLINE void give_rows(const Job& job, const Part& part, const float* sums) {
  for (int64_t row = 0; row < part.rows; ++row) {
    for (int64_t column = 0; column < part.columns; column += kWidth) {
      const float* from = sums + (column / kWidth * part.rows + row) * kWidth;
      const int64_t count = std::min(kWidth, part.columns - column);
      const int64_t start = (part.row + row) * job.columns + part.column + column;
      float biased[kWidth];
      std::memcpy(biased, from, sizeof biased);
      if (job.bias) {
        const float* bias = job.bias + part.column + column;
        for (int64_t i = 0; i < count; ++i) biased[i] += bias[i];
      }
      if (job.is_bfloat16) {
        auto* to = reinterpret_cast<std::uint16_t*>(job.result) + start;
        for (int64_t i = 0; i < count; ++i) to[i] = as_bfloat16(biased[i]);
      } else {
        std::memcpy(reinterpret_cast<float*>(job.result) + start, biased,
                    static_cast<std::size_t>(count) * sizeof(float));
      }
    }
  }
}

// Asks for the values of some of the rows of the next panel, while there is something to multiply.
LLM2CLIP_INLINE void fetch(const Job& job, int64_t column, int64_t end, int64_t first,
                           int64_t count) {
  const int64_t bits = panel::bits_of(job.weight.stored);
  const int64_t start = first * bits / 8, size = count * bits / 8;
  for (int64_t row = column; row < std::min(end, job.columns); ++row) {
    const std::byte* values = job.weight.data + row * job.weight.row_bytes + start;
    for (int64_t at = 0; at < size; at += kLine) __builtin_prefetch(values + at, 0, 2);
  }
}

template <std::size_t bytes>
LLM2CLIP_INLINE void multiply_part(const Job& job, const Part& part, const Scratch& scratch) {
  const int64_t tiles = (part.rows + tile::kMostRows<bytes> - 1) / tile::kMostRows<bytes>;
  for (int64_t first = 0; first < job.depth; first += kDepth) {
    const int64_t count = std::min(kDepth, job.depth - first);
    take_rows(job, part, first, count, scratch.a);
    for (int64_t column = 0; column < part.columns; column += kWidth) {
      fill_panel<bytes>(job, part.column + column, first, count, scratch);
      float* sums = scratch.sums + column * part.rows;
      // Tiles of nearly equal size.
      for (int64_t tile = 0; tile < tiles; ++tile) {
        const int64_t row = tile * part.rows / tiles, end = (tile + 1) * part.rows / tiles;
        const int64_t next = part.column + column + kWidth;
        fetch(job, next + tile * kWidth / tiles, next + (tile + 1) * kWidth / tiles, first, count);
        tile::multiply_some<bytes>(static_cast<int>(end - row), scratch.a + row * tile::kRowStride,
                                   scratch.panel, count, first > 0, sums + row * kWidth);
      }
    }
  }
  give_rows(job, part, scratch.sums);
}

// The result in parts that differ little in size, as many for each thread.
class Parts {
 public:
  Parts(int64_t rows, int64_t columns, int64_t threads)
      : rows_(rows), columns_(columns), panels_(at::divup(columns, kWidth)) {
    row_parts_ = at::divup(rows, kMostRows);
    column_parts_ = at::divup(columns, kMostColumns);
    while (column_parts_ < panels_ && row_parts_ * column_parts_ % threads != 0) ++column_parts_;
  }
  int64_t count() const { return row_parts_ * column_parts_; }
  // Those that follow one another have the same columns.
  Part operator[](int64_t index) const {
    const int64_t r = index % row_parts_, c = index / row_parts_;
    const int64_t row = r * rows_ / row_parts_, column = c * panels_ / column_parts_ * kWidth;
    const int64_t end = std::min(columns_, (c + 1) * panels_ / column_parts_ * kWidth);
    return {row, (r + 1) * rows_ / row_parts_ - row, column, end - column};
  }

 private:
  int64_t rows_, columns_, panels_;
  int64_t row_parts_, column_parts_;
};

void multiply_parts(const Job& job, const Parts& parts, int64_t begin, int64_t end) {
  const Scratch scratch(job);
  for (int64_t index = begin; index < end; ++index) {
    const Part part = parts[index];
    widest([&](auto registers)
               LLM2CLIP_INLINE_LAMBDA { multiply_part<registers>(job, part, scratch); });
  }
}

}  // namespace

bool can_multiply(const StoredWeight& weight) {
  if (!is_matrix(weight.values)) return false;
  if (!is_grouped(weight.values)) return !weight.scales.defined() && !weight.minimums.defined();
  if (!is_matrix(weight.scales) || is_grouped(weight.scales)) return false;
  if (weight.minimums.defined() && (!is_matrix(weight.minimums) || is_grouped(weight.minimums) ||
                                    weight.minimums.sizes() != weight.scales.sizes())) {
    return false;
  }
  const int64_t depth = depth_of(weight.values), groups = weight.scales.size(1);
  if (weight.scales.size(0) != weight.values.size(0) || groups == 0 || depth % groups != 0) {
    return false;
  }
  const int64_t group = depth / groups;
  return groups == 1 || (group >= kLeastGroup && group <= kDepth && (group & (group - 1)) == 0);
}

namespace {

Job job_of(const at::Tensor& x, const StoredWeight& weight, const at::Tensor& result) {
  Job job;
  job.x = static_cast<const std::byte*>(x.const_data_ptr());
  job.x_stride = RowsOf<const float>(x).stride;
  job.is_bfloat16 = x.scalar_type() == at::kBFloat16;
  job.rows = rows_in(x);
  job.depth = x.size(-1);
  job.columns = weight.values.size(0);
  job.weight = Matrix(weight.values);
  if (weight.scales.defined()) {
    const auto group = static_cast<std::uint64_t>(job.depth / weight.scales.size(1));
    job.scales = Matrix(weight.scales);
    job.group_shift = weight.scales.size(1) == 1 ? kOneGroup : std::countr_zero(group);
  }
  if (weight.minimums.defined()) job.minimums = Matrix(weight.minimums);
  job.result = static_cast<std::byte*>(result.mutable_data_ptr());
  return job;
}

}  // namespace

at::Tensor multiply_stored(const at::Tensor& x, const StoredWeight& weight,
                           const std::optional<at::Tensor>& bias) {
  TORCH_CHECK(x.dim() > 0 && x.size(-1) == depth_of(weight.values), "product of rows of ",
              x.dim() > 0 ? x.size(-1) : 0, " values with a weight of ", depth_of(weight.values));
  TORCH_CHECK(is_vectorized(x.scalar_type()), "product of rows of ", x.scalar_type());
  const at::Tensor input = is_rows(x) ? x : x.contiguous();
  std::vector<int64_t> sizes = x.sizes().vec();
  sizes.back() = weight.values.size(0);
  const at::Tensor result = at::empty(sizes, x.options());
  if (result.numel() == 0) return result;
  Job job = job_of(input, weight, result);
  const at::Tensor biases =
      bias && bias->defined() ? bias->to(at::kFloat).contiguous() : at::Tensor();
  if (biases.defined()) job.bias = biases.const_data_ptr<float>();
  const Parts parts(job.rows, job.columns, at::get_num_threads());
  at::parallel_for(0, parts.count(), 1,
                   [&](int64_t begin, int64_t end) { multiply_parts(job, parts, begin, end); });
  return result;
}

}  // namespace llm2clip
