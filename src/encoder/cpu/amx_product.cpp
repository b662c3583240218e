#include "encoder/cpu/amx_product.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>

#include "base/widest.h"
#include "encoder/cpu/amx_tile.h"
#include "encoder/cpu/product_parts.h"
#include "encoder/cpu/row_pairs.h"
#include "encoder/cpu/tile.h"

namespace llm2clip {

#if LLM2CLIP_LEVELS
namespace {

using namespace products;
using panel::kWidth;
using panel::Stored;
using std::int64_t;

constexpr int64_t kColumns = amx_tile::kMostRows;  // multiplied at once, and so many rows

// x in panels of 16 rows: (blocks, panels, tile::kPanelStride).
class TurnedRows {
 public:
  explicit TurnedRows(const Job& job)
      : panels_(at::divup(job.rows, kWidth)),
        memory_(at::empty({job.blocks(), panels_, tile::kPanelStride}, at::kFloat)),
        values_(memory_.const_data_ptr<float>()) {
    auto* values = memory_.mutable_data_ptr<float>();
    at::parallel_for(0, job.blocks() * panels_, 4, [&](int64_t begin, int64_t end) {
      for (int64_t at = begin; at < end; ++at) {
        const int64_t first = at / panels_ * job.block_depth();
        const int64_t count = std::min(job.block_depth(), job.depth - first);
        at_avx512([&](auto) LLM2CLIP_INLINE_LAMBDA {
          turn(job, at % panels_ * kWidth, first, count, values + at * tile::kPanelStride);
        });
      }
    });
  }

  const float* panel(int64_t block, int64_t index) const {
    return values_ + (block * panels_ + index) * tile::kPanelStride;
  }

 private:
  LLM2CLIP_INLINE static void turn(const Job& job, int64_t row, int64_t first, int64_t count,
                                   float* to) {
    const auto rows = neighbors(job.x, 2 * job.x_stride, row, job.rows);
    panel::widen_panel<64, Stored::bfloat16, panel::Elements::pairs>(rows, first, count, {}, to);
    const int64_t pairs = at::divup(count, 2);
    std::fill(to + pairs * kWidth, to + amx_tile::whole(pairs) * kWidth, 0.0f);
  }

  int64_t panels_;
  at::Tensor memory_;
  const float* values_;
};

// A quarter of the second cache has the rows' values of a block, a half the sums: what is beyond it
// is slower than the tiles.
PartLimits part_limits() {
  const int64_t cache = second_cache(), row_bytes = tile::kPanelStride / kWidth * 4;
  const int64_t rows = std::max(cache / 4 / row_bytes / kColumns, int64_t{1}) * kColumns;
  const int64_t columns = std::max(cache / 2 / 4 / rows / kColumns, int64_t{1}) * kColumns;
  return {kColumns, rows, columns};
}

// Of one thread.
struct Workspace {
  static constexpr int64_t kColumnFloats = kColumns * tile::kRowStride;

  Workspace(const Job& job, const PartLimits& limits)
      : memory(at::empty({kColumnFloats + 2 * kGroupStride +
                          amx_tile::whole(std::min(job.rows, limits.rows)) *
                              amx_tile::whole(std::min(job.columns, limits.columns))},
                         at::kFloat)) {}

  at::Tensor memory;
  float* columns = memory.mutable_data_ptr<float>();  // [kColumns][tile::kRowStride]
  float* scales = columns + kColumnFloats;            // and minimums: [2][kGroupStride]
  float* sums = scales + 2 * kGroupStride;            // [16 columns][16 rows][column][row]
};

// The block's columns, in pairs of bfloat16.
template <Stored stored>
LLM2CLIP_INLINE void widen_columns_of(const Job& job, const Block& block, const Workspace& work) {
  for (int64_t column = 0; column < block.columns; column += kWidth) {
    const panel::Scales scaled =
        fill_scales<64>(job, block.column + column, block.first, block.count, work.scales,
                        work.scales + kGroupStride);
    const auto rows =
        neighbors(job.weight.data, job.weight.row_bytes, block.column + column, job.columns);
    for (int64_t i = 0; i < kWidth; ++i) {
      row_pairs::store_row<stored>(rows[static_cast<std::size_t>(i)], block.first, block.count,
                                   scaled, i, work.columns + (column + i) * tile::kRowStride);
    }
  }
}
LLM2CLIP_INLINE void widen_columns(const Job& job, const Block& block, const Workspace& work) {
  switch (job.weight.stored) {
    case Stored::float32:
      return widen_columns_of<Stored::float32>(job, block, work);
    case Stored::bfloat16:
      return widen_columns_of<Stored::bfloat16>(job, block, work);
    case Stored::float16:
      return widen_columns_of<Stored::float16>(job, block, work);
    case Stored::int8:
      return widen_columns_of<Stored::int8>(job, block, work);
    case Stored::int4:
      return widen_columns_of<Stored::int4>(job, block, work);
  }
}

// Gives the finished sums of 16 columns and 16 rows, turned back.
LLM2CLIP_INLINE void give_tile(const Job& job, int64_t row, int64_t rows, int64_t column,
                               int64_t columns, const float* sums) {
  float turned[kWidth * amx_tile::kRows];
  const auto from = neighbors(reinterpret_cast<const std::byte*>(sums),
                              kWidth * int64_t{sizeof(float)}, 0, kWidth);
  panel::widen_panel<64, Stored::float32, panel::Elements::floats>(from, 0, kWidth, {}, turned);
  auto* result = reinterpret_cast<vector::BFloat16*>(job.result) + column;
  for (int64_t i = 0; i < rows; ++i) {
    give_sums<64>(vector::load<64>(turned + i * kWidth), job.bias ? job.bias + column : nullptr,
                  columns, result + (row + i) * job.columns);
  }
}

// The sums of the block's columns, [16 columns][16 rows][column][row].
LLM2CLIP_INLINE void give_finished(const Job& job, const ProductPart& part, const Block& block,
                                   const float* sums) {
  if (block.first + block.count < job.depth) return;
  const int64_t stride = amx_tile::whole(part.rows) * kWidth;
  for (int64_t row = 0; row < part.rows; row += kWidth) {
    for (int64_t column = 0; column < block.columns; column += kWidth) {
      give_tile(job, part.row + row, std::min(kWidth, part.rows - row), block.column + column,
                std::min(kWidth, block.columns - column),
                sums + column / kWidth * stride + row * kWidth);
    }
  }
}

// The block's columns with all rows of the part.
LLM2CLIP_INLINE void multiply_block(const Job& job, const ProductPart& part, const Block& block,
                                    const Block& next, const TurnedRows& turned,
                                    const Workspace& work) {
  widen_columns(job, block, work);
  const int64_t stride = amx_tile::whole(part.rows) * kWidth, pairs = at::divup(block.count, 2);
  float* sums = work.sums + (block.column - part.column) / kWidth * stride;
  const int64_t steps = amx_tile::whole(pairs) / amx_tile::kElements;
  Fetch fetch(job, next, steps * at::divup(part.rows, kColumns));
  for (int64_t row = 0; row < part.rows; row += kColumns) {
    const float* rows = turned.panel(block.first / job.block_depth(), (part.row + row) / kWidth);
    amx_tile::of_one_or_two(block.columns > kWidth, part.rows - row > kWidth,
                            [&](auto column_tiles, auto row_tiles) LLM2CLIP_INLINE_LAMBDA {
                              amx_tile::multiply_pairs<column_tiles, row_tiles>(
                                  work.columns, rows, pairs, block.first > 0, sums + row * kWidth,
                                  stride, [&]() LLM2CLIP_INLINE_LAMBDA { fetch.some(); });
                            });
  }
  give_finished(job, part, block, sums);
}

LLM2CLIP_INLINE void multiply_part(const Job& job, const ProductPart& part, int64_t most_rows,
                                   const TurnedRows& turned, const Workspace& work) {
  const int64_t blocks =
      std::clamp(most_rows / amx_tile::whole(part.rows), int64_t{1}, job.blocks());
  each_block(
      job, part, kColumns, blocks, [](int64_t, int64_t) LLM2CLIP_INLINE_LAMBDA {},
      [&](const Block& block, const Block& next)
          LLM2CLIP_INLINE_LAMBDA { multiply_block(job, part, block, next, turned, work); });
}

}  // namespace

void multiply_pairs_by_tiles(const Job& job) {
  const TurnedRows turned(job);
  static const PartLimits limits = part_limits();
  const ProductParts parts(job.rows, job.columns, at::get_num_threads(), limits);
  at::parallel_for(0, parts.count(), 1, [&](int64_t begin, int64_t end) {
    const Workspace work(job, limits);
    const amx_tile::Tiles tiles(amx_tile::kElements);
    for (int64_t index = begin; index < end; ++index) {
      const ProductPart part = parts[index];
      at_avx512([&](auto) LLM2CLIP_INLINE_LAMBDA {
        multiply_part(job, part, limits.rows, turned, work);
      });
    }
  });
}
#else
void multiply_pairs_by_tiles(const products::Job&) {}
#endif

}  // namespace llm2clip
