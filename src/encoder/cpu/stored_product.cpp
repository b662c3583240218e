#include "encoder/cpu/stored_product.h"

#include <ATen/ops/empty.h>
#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <bit>
#include <vector>

#include "encoder/cpu/integer_tile.h"
#include "encoder/cpu/panel.h"
#include "encoder/cpu/processor.h"
#include "encoder/cpu/product_parts.h"
#include "encoder/cpu/rounded_rows.h"
#include "encoder/cpu/rows_of.h"
#include "encoder/cpu/tile.h"
#include "encoder/cpu/vector.h"

namespace llm2clip {
namespace {

using panel::are_integers;
using panel::Elements;
using panel::kDepth;
using panel::kWidth;
using panel::Stored;
using std::int64_t;

constexpr int64_t kLeastGroup = RoundedRows::kLeastGroup;
constexpr int64_t kMostGroups = RoundedRows::kMostGroups;
constexpr int64_t kGroupStride = kMostGroups * kWidth;
constexpr int kMostShift = 5;  // of groups whose products fit into 16 bits
constexpr int kOneGroup = 62;  // shift of a row that is one group
// Of integers, however they lie: so a row of one group is rounded alike everywhere.
constexpr int64_t kMostInGroup = panel::most_values(Elements::integers);
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

// Bytes of the registers without which elements are not multiplied.
template <Elements elements>
constexpr std::size_t kLeastRegister = elements == Elements::pairs   ? 64
                                       : elements == Elements::bytes ? 32
                                                                     : 16;

// Everything that a product is made of.
struct Job {
  Elements elements = Elements::floats;
  const std::byte* x = nullptr;
  int64_t x_stride = 0;      // in values
  bool is_bfloat16 = false;  // x and the result
  int64_t rows = 0, depth = 0, columns = 0;
  Matrix weight, scales, minimums;  // without data: none
  int group_shift = 0;              // value k is in group k >> group_shift
  const float* bias = nullptr;
  const RoundedRows* rounded = nullptr;
  bool fused = false;  // of integers: products and sums are one instruction
  std::byte* result = nullptr;

  // Values of a row in a block.
  int64_t block_depth() const {
    const int64_t most = panel::most_values(elements);
    return group_shift == kOneGroup ? std::min(most, kMostInGroup) : most;
  }
  int64_t group() const { return std::min(int64_t{1} << group_shift, block_depth()); }
  int64_t blocks() const { return at::divup(depth, block_depth()); }
};

// Of one thread, and no larger than the job needs: what a text of a few tokens takes is little.
class Scratch {
  std::vector<at::DataPtr> memory_;
  int64_t rows_, blocks_, columns_;  // blocks: of one row each, that are taken

  static int64_t most_panels() {
    return vector_level() == VectorLevel::avx512 ? tile::kPanels<64> : 1;
  }
  float* take(int64_t count) {
    const auto bytes = static_cast<std::size_t>(count) * sizeof(float);
    return static_cast<float*>(memory_.emplace_back(c10::GetCPUAllocator()->allocate(bytes)).get());
  }

 public:
  explicit Scratch(const Job& job)
      : rows_(std::min(job.rows, most_rows_of_part())),
        blocks_(job.rounded ? 0 : std::min(most_rows_of_part(), rows_ * job.blocks())),
        columns_(std::min(at::divup(job.columns, kWidth) * kWidth, most_columns_of_part())) {}

  float* a = take(blocks_ * tile::kRowStride);  // [block][row][kRowStride]
  float* panels = take(most_panels() * tile::kPanelStride);
  float* scales = take(most_panels() * kGroupStride);  // [panel][group][kWidth]
  float* minimums = take(most_panels() * kGroupStride);
  float* sums = take(rows_ * columns_);  // [panel][row][kWidth]
};

// Of an odd number the last pair has a zero.
LLM2CLIP_INLINE void copy_pairs(const std::uint16_t* from, int64_t count, float* to) {
  to[(count - 1) / 2] = 0;
  std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof *from);
}

template <std::size_t bytes, Elements elements>
LLM2CLIP_INLINE void take_rows(const Job& job, const ProductPart& part, int64_t first,
                               int64_t count, float* a) {
  for (int64_t row = 0; row < part.rows; ++row) {
    const int64_t start = (part.row + row) * job.x_stride + first;
    float* to = a + row * tile::kRowStride;
    if constexpr (elements == Elements::pairs) {
      copy_pairs(reinterpret_cast<const std::uint16_t*>(job.x) + start, count, to);
    } else if (job.is_bfloat16) {
      vector::widen<bytes>(reinterpret_cast<const std::uint16_t*>(job.x) + start, count, to);
    } else {
      vector::widen<bytes>(reinterpret_cast<const float*>(job.x) + start, count, to);
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

template <std::size_t bytes, Elements elements = Elements::floats>
LLM2CLIP_INLINE void widen(const Matrix& matrix, const Job& job, int64_t column, int64_t first,
                           int64_t count, const panel::Scales& scaled, float* to) {
  const auto rows = neighbors(matrix, job, column);
  if constexpr (are_integers(elements)) {
    if (matrix.stored == Stored::int8) {
      return panel::widen_panel<bytes, Stored::int8, elements>(rows, first, count, scaled, to);
    }
    panel::widen_panel<bytes, Stored::int4, elements>(rows, first, count, scaled, to);
  } else {
    switch (matrix.stored) {
      case Stored::float32:
        return panel::widen_panel<bytes, Stored::float32, elements>(rows, first, count, scaled, to);
      case Stored::bfloat16:
        return panel::widen_panel<bytes, Stored::bfloat16, elements>(rows, first, count, scaled,
                                                                     to);
      case Stored::float16:
        return panel::widen_panel<bytes, Stored::float16, elements>(rows, first, count, scaled, to);
      case Stored::int8:
        return panel::widen_panel<bytes, Stored::int8, elements>(rows, first, count, scaled, to);
      case Stored::int4:
        return panel::widen_panel<bytes, Stored::int4, elements>(rows, first, count, scaled, to);
    }
  }
}

template <std::size_t bytes, Elements elements>
LLM2CLIP_INLINE void fill_panel(const Job& job, int64_t column, int64_t first, int64_t count,
                                const Scratch& scratch, int64_t panel) {
  float* const scales = scratch.scales + panel * kGroupStride;
  float* const minimums = scratch.minimums + panel * kGroupStride;
  panel::Scales scaled;
  if (job.scales.data) {
    const int64_t group = first >> job.group_shift, groups = ((count - 1) >> job.group_shift) + 1;
    widen<bytes>(job.scales, job, column, group, groups, {}, scales);
    if (job.minimums.data) {
      widen<bytes>(job.minimums, job, column, group, groups, {}, minimums);
    } else {
      std::fill_n(minimums, groups * kWidth, 0.0f);
    }
    scaled = {scales, minimums, job.group_shift};
  }
  widen<bytes, elements>(job.weight, job, column, first, count, scaled,
                         scratch.panels + panel * tile::kPanelStride);
}

// Values of neighboring columns: one or some panels.
struct Block {
  int64_t column, columns;
  int64_t first, count;  // values
};

// `count` finished sums, of one panel. The bias is that of the same columns.
template <std::size_t bytes, typename Result>
LLM2CLIP_INLINE void give_sums(const float* sums, const float* bias, int64_t count, Result* to) {
  vector::Floats<bytes> values = vector::load<bytes>(sums);
  if (count == kWidth) {
    if (bias) values += vector::load<bytes>(bias);
    vector::store(values, to);
  } else {
    if (bias) values += vector::load_some<bytes>(bias, count);
    vector::store_some(values, to, count);
  }
}

// The finished sums of the block's columns, which are in the first cache still.
template <std::size_t bytes, typename Result>
LLM2CLIP_INLINE void give_columns(const Job& job, const ProductPart& part, const Block& block,
                                  const float* sums) {
  auto* result = reinterpret_cast<Result*>(job.result);
  for (int64_t row = 0; row < part.rows; ++row) {
    for (int64_t column = 0; column < block.columns; column += kWidth) {
      const int64_t first = block.column + column;
      give_sums<bytes>(sums + (column / kWidth * part.rows + row) * kWidth,
                       job.bias ? job.bias + first : nullptr,
                       std::min(kWidth, block.columns - column),
                       result + (part.row + row) * job.columns + first);
    }
  }
}

// What the block finishes.
template <std::size_t bytes>
LLM2CLIP_INLINE void give_finished(const Job& job, const ProductPart& part, const Block& block,
                                   const float* sums) {
  if (block.first + block.count < job.depth) return;
  if (job.is_bfloat16) {
    give_columns<bytes, vector::BFloat16>(job, part, block, sums);
  } else {
    give_columns<bytes, float>(job, part, block, sums);
  }
}

// Asks for some of the rows of a block, while there is something to multiply.
LLM2CLIP_INLINE void fetch(const Job& job, const Block& block, int64_t share, int64_t shares) {
  const int64_t bits = panel::bits_of(job.weight.stored);
  const int64_t start = block.first * bits / 8, size = block.count * bits / 8;
  const int64_t end = std::min(block.column + (share + 1) * block.columns / shares, job.columns);
  for (int64_t row = block.column + share * block.columns / shares; row < end; ++row) {
    const std::byte* values = job.weight.data + row * job.weight.row_bytes + start;
    for (int64_t at = 0; at < size; at += kLine) __builtin_prefetch(values + at, 0, 2);
  }
}

// The block's products with the rows, which are in tiles of nearly equal size.
template <std::size_t bytes, Elements elements, bool fused>
LLM2CLIP_INLINE void multiply_block(const Job& job, const ProductPart& part, const Block& block,
                                    const Block& next, const RoundedRows::Rows& rows,
                                    const Scratch& scratch) {
  const int64_t panels = at::divup(block.columns, kWidth);
  for (int64_t panel = 0; panel < panels; ++panel) {
    fill_panel<bytes, elements>(job, block.column + panel * kWidth, block.first, block.count,
                                scratch, panel);
  }
  float* sums = scratch.sums + (block.column - part.column) * part.rows;
  const int64_t tiles = at::divup(part.rows, tile::kMostRows<bytes>);
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int64_t row = tile * part.rows / tiles, end = (tile + 1) * part.rows / tiles;
    fetch(job, next, tile, tiles);
    const auto row_count = static_cast<int>(end - row), panel_count = static_cast<int>(panels);
    const float* values = rows.values + row * tile::kRowStride;
    const int64_t count = at::divup(block.count, panel::values_in(elements));
    if constexpr (are_integers(elements)) {
      const integer_tile::Groups groups{count,
                                        job.group() / panel::values_in(elements),
                                        scratch.scales,
                                        scratch.minimums,
                                        kGroupStride,
                                        rows.scales + row * kMostGroups,
                                        rows.sums + row * kMostGroups,
                                        rows.starts + row * kMostGroups,
                                        kMostGroups};
      integer_tile::multiply_some<bytes, elements, fused>(row_count, panel_count, values,
                                                          scratch.panels, groups, block.first > 0,
                                                          sums + row * kWidth, part.rows * kWidth);
    } else {
      tile::multiply_some<bytes, elements>(row_count, panel_count, values, scratch.panels, count,
                                           block.first > 0, sums + row * kWidth,
                                           part.rows * kWidth);
    }
  }
  give_finished<bytes>(job, part, block, sums);
}

template <std::size_t bytes, Elements elements, bool fused>
LLM2CLIP_INLINE void multiply_part(const Job& job, const ProductPart& part,
                                   const Scratch& scratch) {
  constexpr int64_t kColumns = tile::kPanels<bytes> * kWidth;
  const int64_t depth = job.block_depth(), end = part.column + part.columns;
  // Of few rows several blocks are multiplied before the next columns, so that the rows of the
  // weight are read in longer stretches.
  const int64_t span = std::min(most_rows_of_part() / part.rows, job.blocks()) * depth;
  for (int64_t start = 0; start < job.depth; start += span) {
    const int64_t stop = std::min(start + span, job.depth);
    const auto block_at = [&](int64_t column, int64_t first) LLM2CLIP_INLINE_LAMBDA {
      return Block{column, std::min(kColumns, end - column), first, std::min(depth, stop - first)};
    };
    const auto taken = [&](int64_t first) LLM2CLIP_INLINE_LAMBDA {
      return scratch.a + (first - start) / depth * part.rows * tile::kRowStride;
    };
    const auto rows_of = [&](int64_t first) LLM2CLIP_INLINE_LAMBDA {
      if constexpr (are_integers(elements)) return job.rounded->from(first / depth, part.row);
      return RoundedRows::Rows{.values = taken(first)};
    };
    if constexpr (!are_integers(elements)) {
      for (int64_t first = start; first < stop; first += depth) {
        take_rows<bytes, elements>(job, part, first, std::min(depth, stop - first), taken(first));
      }
    }
    for (int64_t column = part.column; column < end; column += kColumns) {
      for (int64_t first = start; first < stop; first += depth) {
        const bool goes_on = first + depth < stop;
        const Block next = goes_on ? block_at(column, first + depth)
                                   : block_at(std::min(column + kColumns, end), start);
        multiply_block<bytes, elements, fused>(job, part, block_at(column, first), next,
                                               rows_of(first), scratch);
      }
    }
  }
}

// A function for each kind of elements: of all of them in one GCC 12 spills sums.
template <Elements elements, bool fused = false>
void multiply_parts(const Job& job, const ProductParts& parts, int64_t begin, int64_t end) {
  const Scratch scratch(job);
  for (int64_t index = begin; index < end; ++index) {
    const ProductPart part = parts[index];
    widest([&](auto registers) LLM2CLIP_INLINE_LAMBDA {
      if constexpr (registers >= (fused ? 64 : kLeastRegister<elements>)) {
        multiply_part<registers, elements, fused>(job, part, scratch);
      }
    });
  }
}

auto multiply_parts_of(const Job& job) {
  switch (job.elements) {
    case Elements::pairs:
      return multiply_parts<Elements::pairs>;
    case Elements::integers:
      return job.fused ? multiply_parts<Elements::integers, true>
                       : multiply_parts<Elements::integers>;
    case Elements::bytes:
      return job.fused ? multiply_parts<Elements::bytes, true> : multiply_parts<Elements::bytes>;
    default:
      return multiply_parts<Elements::floats>;
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
  if (job.is_bfloat16 && multiplies_pairs()) job.elements = Elements::pairs;
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

// Whether the weight's integers can lie in bytes, where rows are of 8 bits.
bool fits_bytes(const Job& job) {
  if (job.weight.stored == Stored::int8) return job.fused;
  const bool fits =
      job.fused || (vector_level() != VectorLevel::plain && job.group_shift <= kMostShift);
  return fits && job.depth % 8 == 0;
}

// Makes it a product of integers; returns how the rows are to lie.
RoundedRows::Layout integer_layout(Job& job, RowsAs rows_as) {
  job.fused = multiplies_fused();
  job.elements = rows_as == RowsAs::int8 && fits_bytes(job) ? Elements::bytes : Elements::integers;
  return {.elements = job.elements,
          .block = job.block_depth(),
          .group = job.group(),
          .most = rows_as == RowsAs::int8 ? 127 : 32767,
          .in_turns = job.weight.stored == Stored::int4,
          .raised = job.weight.stored == Stored::int8};
}

}  // namespace

at::Tensor multiply_stored(const at::Tensor& x, const StoredWeight& weight,
                           const std::optional<at::Tensor>& bias, RowsAs rows_as) {
  TORCH_CHECK(x.dim() > 0 && x.size(-1) == depth_of(weight.values), "product of rows of ",
              x.dim() > 0 ? x.size(-1) : 0, " values with a weight of ", depth_of(weight.values));
  TORCH_CHECK(is_vectorized(x.scalar_type()), "product of rows of ", x.scalar_type());
  const at::Tensor input = is_rows(x) ? x : x.contiguous();
  std::vector<int64_t> sizes = x.sizes().vec();
  sizes.back() = weight.values.size(0);
  const at::Tensor result = at::empty(sizes, x.options());
  if (result.numel() == 0) return result;
  Job job = job_of(input, weight, result);
  std::optional<RoundedRows> rounded;
  if (rows_as != RowsAs::they_are && is_grouped(weight.values)) {
    job.rounded = &rounded.emplace(input, integer_layout(job, rows_as));
  }
  const at::Tensor biases =
      bias && bias->defined() ? bias->to(at::kFloat).contiguous() : at::Tensor();
  if (biases.defined()) job.bias = biases.const_data_ptr<float>();
  const ProductParts parts(job.rows, job.columns, at::get_num_threads());
  const auto multiply = multiply_parts_of(job);
  at::parallel_for(0, parts.count(), 1,
                   [&](int64_t begin, int64_t end) { multiply(job, parts, begin, end); });
  return result;
}

}  // namespace llm2clip
