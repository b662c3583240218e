#include "encoder/cpu/stored_product.h"

#include <ATen/ops/empty.h>
#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <bit>
#include <vector>

#include "encoder/cpu/amx_product.h"
#include "encoder/cpu/amx_tile.h"
#include "encoder/cpu/integer_tile.h"
#include "encoder/cpu/panel.h"
#include "encoder/cpu/processor.h"
#include "encoder/cpu/product_job.h"
#include "encoder/cpu/product_parts.h"
#include "encoder/cpu/rounded_rows.h"
#include "encoder/cpu/rows_of.h"
#include "encoder/cpu/tile.h"
#include "encoder/cpu/vector.h"

namespace llm2clip {
namespace {

using namespace products;
using panel::are_integers;
using panel::Elements;
using panel::kDepth;
using panel::kWidth;
using panel::Stored;
using panel::Unit;
using std::int64_t;

constexpr int64_t kLeastGroup = RoundedRows::kLeastGroup;
constexpr int64_t kMostGroups = RoundedRows::kMostGroups;
constexpr int kMostShift = 5;  // of groups whose products fit into 16 bits

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

// Bytes of the registers without which elements are not multiplied.
template <Elements elements, Unit unit>
constexpr std::size_t kLeastRegister = elements == Elements::pairs || unit == Unit::tiles   ? 64
                                       : elements == Elements::bytes || unit == Unit::fused ? 32
                                                                                            : 16;
// Rows that are multiplied with panels at once.
template <std::size_t bytes, Unit unit>
constexpr int kTileRows = unit == Unit::tiles ? amx_tile::kMostRows : tile::kMostRows<bytes>;

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
      : rows_(std::min(job.rows, vector_limits().rows)),
        blocks_(job.rounded ? 0 : std::min(vector_limits().rows, rows_ * job.blocks())),
        columns_(std::min(at::divup(job.columns, kWidth) * kWidth, vector_limits().columns)) {}

  float* a = take(blocks_ * tile::kRowStride);  // [block][row][kRowStride]
  float* panels = take(most_panels() * tile::kPanelStride);
  float* scales = take(most_panels() * kGroupStride);  // [panel][group][kWidth]
  float* minimums = take(most_panels() * kGroupStride);
  float* sums = take(amx_tile::whole(rows_) * columns_);  // [panel][row][kWidth]
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

template <std::size_t bytes, Elements elements>
LLM2CLIP_INLINE void fill_panel(const Job& job, int64_t column, int64_t first, int64_t count,
                                const Scratch& scratch, int64_t panel) {
  const panel::Scales scaled =
      fill_scales<bytes>(job, column, first, count, scratch.scales + panel * kGroupStride,
                         scratch.minimums + panel * kGroupStride);
  widen<bytes, elements>(job.weight, job, column, first, count, scaled,
                         scratch.panels + panel * tile::kPanelStride);
}

// Rows between the sums of a panel and those of the next one.
LLM2CLIP_INLINE int64_t sum_rows(const ProductPart& part) { return amx_tile::whole(part.rows); }

// The finished sums of the block's columns, which are in the first cache still.
template <std::size_t bytes, typename Result>
LLM2CLIP_INLINE void give_columns(const Job& job, const ProductPart& part, const Block& block,
                                  const float* sums) {
  auto* result = reinterpret_cast<Result*>(job.result);
  for (int64_t row = 0; row < part.rows; ++row) {
    for (int64_t column = 0; column < block.columns; column += kWidth) {
      const int64_t first = block.column + column;
      give_sums<bytes>(
          vector::load<bytes>(sums + (column / kWidth * sum_rows(part) + row) * kWidth),
          job.bias ? job.bias + first : nullptr, std::min(kWidth, block.columns - column),
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

// Rows of a part that are multiplied at once.
struct RowTile {
  int64_t first;
  int count;
};

// In tiles of nearly equal size, or in those that AMX has.
template <std::size_t bytes, Unit unit>
LLM2CLIP_INLINE RowTile row_tile(int64_t tile, int64_t tiles, int64_t rows) {
  constexpr int64_t kMost = kTileRows<bytes, unit>;
  const bool whole = unit == Unit::tiles;
  const int64_t first = whole ? tile * kMost : tile * rows / tiles;
  const int64_t end = whole ? std::min(first + kMost, rows) : (tile + 1) * rows / tiles;
  return {first, static_cast<int>(end - first)};
}

// The products of `panels` panels with `count` rows.
template <std::size_t bytes, Elements elements, Unit unit>
LLM2CLIP_INLINE void multiply_tile(const Job& job, const Block& block, int count, int panels,
                                   const RoundedRows::Rows& rows, const Scratch& scratch,
                                   float* sums, int64_t sums_stride) {
  const int64_t depth = at::divup(block.count, panel::values_in(elements));
  const bool add = block.first > 0;
  if constexpr (are_integers(elements)) {
    const integer_tile::Groups groups{depth,          job.group() / panel::values_in(elements),
                                      scratch.scales, scratch.minimums,
                                      kGroupStride,   rows.scales,
                                      rows.sums,      rows.starts,
                                      kMostGroups};
    if constexpr (unit == Unit::tiles) {
      amx_tile::multiply_some_groups(count, panels, rows.values, scratch.panels, groups, add, sums,
                                     sums_stride);
    } else {
      integer_tile::multiply_some<bytes, elements, unit>(count, panels, rows.values, scratch.panels,
                                                         groups, add, sums, sums_stride);
    }
  } else {
    tile::multiply_some<bytes, elements>(count, panels, rows.values, scratch.panels, depth, add,
                                         sums, sums_stride);
  }
}

// The block's products with the rows.
template <std::size_t bytes, Elements elements, Unit unit>
LLM2CLIP_INLINE void multiply_block(const Job& job, const ProductPart& part, const Block& block,
                                    const Block& next, const RoundedRows::Rows& rows,
                                    const Scratch& scratch) {
  const int64_t panels = at::divup(block.columns, kWidth);
  for (int64_t panel = 0; panel < panels; ++panel) {
    fill_panel<bytes, elements>(job, block.column + panel * kWidth, block.first, block.count,
                                scratch, panel);
  }
  float* sums = scratch.sums + (block.column - part.column) * sum_rows(part);
  const int64_t tiles = at::divup(part.rows, kTileRows<bytes, unit>);
  Fetch fetch(job, next, tiles);
  for (int64_t tile = 0; tile < tiles; ++tile) {
    fetch.some();
    const auto [first, count] = row_tile<bytes, unit>(tile, tiles, part.rows);
    multiply_tile<bytes, elements, unit>(job, block, count, static_cast<int>(panels),
                                         rows.from(first), scratch, sums + first * kWidth,
                                         sum_rows(part) * kWidth);
  }
  give_finished<bytes>(job, part, block, sums);
}

template <std::size_t bytes, Elements elements, Unit unit>
LLM2CLIP_INLINE void multiply_part(const Job& job, const ProductPart& part,
                                   const Scratch& scratch) {
  constexpr int64_t kColumns = tile::kPanels<bytes> * kWidth;
  const int64_t depth = job.block_depth();
  const int64_t blocks = std::min(vector_limits().rows / part.rows, job.blocks());
  // Of a block of a stretch, by the place of its first value in that.
  const auto taken = [&](int64_t place) LLM2CLIP_INLINE_LAMBDA {
    return scratch.a + place / depth * part.rows * tile::kRowStride;
  };
  each_block(
      job, part, kColumns, blocks,
      [&](int64_t start, int64_t stop) LLM2CLIP_INLINE_LAMBDA {
        if constexpr (are_integers(elements)) return;
        for (int64_t first = start; first < stop; first += depth) {
          take_rows<bytes, elements>(job, part, first, std::min(depth, stop - first),
                                     taken(first - start));
        }
      },
      [&](const Block& block, const Block& next) LLM2CLIP_INLINE_LAMBDA {
        RoundedRows::Rows rows;
        if constexpr (are_integers(elements)) {
          rows = job.rounded->from(block.first / depth, part.row);
        } else {
          rows.values = taken(block.first % (blocks * depth));
        }
        multiply_block<bytes, elements, unit>(job, part, block, next, rows, scratch);
      });
}

struct NoTiles {
  explicit NoTiles(int64_t) {}
};

// A function for each kind of elements: of all of them in one GCC 12 spills sums.
template <Elements elements, Unit unit>
void multiply_parts(const Job& job, const ProductParts& parts, int64_t begin, int64_t end) {
  const Scratch scratch(job);
  const int64_t group = job.group() / panel::values_in(elements);
  [[maybe_unused]] const std::conditional_t<unit == Unit::tiles, amx_tile::Tiles, NoTiles> tiles(
      std::min(amx_tile::kElements, group));
  for (int64_t index = begin; index < end; ++index) {
    const ProductPart part = parts[index];
    widest([&](auto registers) LLM2CLIP_INLINE_LAMBDA {
      if constexpr (registers >= kLeastRegister<elements, unit>) {
        multiply_part<registers, elements, unit>(job, part, scratch);
      }
    });
  }
}

auto multiply_parts_of(const Job& job) {
  switch (job.elements) {
    case Elements::pairs:
      return multiply_parts<Elements::pairs, Unit::vectors>;
    case Elements::integers:
      return job.unit == Unit::fused ? multiply_parts<Elements::integers, Unit::fused>
                                     : multiply_parts<Elements::integers, Unit::vectors>;
    case Elements::bytes:
      return job.unit == Unit::tiles   ? multiply_parts<Elements::bytes, Unit::tiles>
             : job.unit == Unit::fused ? multiply_parts<Elements::bytes, Unit::fused>
                                       : multiply_parts<Elements::bytes, Unit::vectors>;
    default:
      return multiply_parts<Elements::floats, Unit::vectors>;
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
  if (job.is_bfloat16 && multiplies_pairs()) {
    job.elements = Elements::pairs;
    job.unit = multiplies_tiles() ? Unit::tiles : Unit::vectors;
  }
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
  if (job.weight.stored == Stored::int8) return multiplies_fused();
  const bool fits =
      multiplies_fused() || (vector_level() != VectorLevel::plain && job.group_shift <= kMostShift);
  return fits && job.depth % 8 == 0;
}

// Makes it a product of integers; returns how the rows are to lie.
RoundedRows::Layout integer_layout(Job& job, RowsAs rows_as) {
  job.elements = rows_as == RowsAs::int8 && fits_bytes(job) ? Elements::bytes : Elements::integers;
  job.unit = multiplies_fused() ? Unit::fused : Unit::vectors;
  if (job.elements == Elements::bytes && multiplies_tiles()) job.unit = Unit::tiles;
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
  if (job.elements == Elements::pairs && job.unit == Unit::tiles) {
    multiply_pairs_by_tiles(job);
    return result;
  }
  const ProductParts parts(job.rows, job.columns, at::get_num_threads());
  const auto multiply = multiply_parts_of(job);
  at::parallel_for(0, parts.count(), 1,
                   [&](int64_t begin, int64_t end) { multiply(job, parts, begin, end); });
  return result;
}

}  // namespace llm2clip
