#include "model/score_tiles.h"

#include "base/widest.h"

namespace llm2clip {
namespace {

// As Sixteen::Register; registers are filled in place, since as results they would depend on the
// level.
template <std::size_t bytes>
struct Lanes {
  using Register [[gnu::vector_size(bytes)]] = float;
  static constexpr std::size_t kCount = bytes / sizeof(float);
};

template <std::size_t bytes>
LLM2CLIP_INLINE void add_products(ScoreTile& tile, std::size_t dim) {
  using Register = typename Lanes<bytes>::Register;
  Register sums[kTileRows][kTileColumns] = {};
  std::size_t k = 0;
  for (; k + Lanes<bytes>::kCount <= dim; k += Lanes<bytes>::kCount) {
    Register columns[kTileColumns];
    for (std::size_t c = 0; c < kTileColumns; ++c) {
      std::memcpy(&columns[c], tile.columns[c] + k, bytes);
    }
    for (std::size_t r = 0; r < kTileRows; ++r) {
      Register row;
      std::memcpy(&row, tile.rows[r] + k, bytes);
      for (std::size_t c = 0; c < kTileColumns; ++c) sums[r][c] += row * columns[c];
    }
  }
  for (std::size_t r = 0; r < kTileRows; ++r) {
    for (std::size_t c = 0; c < kTileColumns; ++c) {
      float sum = 0;
      for (std::size_t lane = 0; lane < Lanes<bytes>::kCount; ++lane) sum += sums[r][c][lane];
      for (std::size_t rest = k; rest < dim; ++rest) {
        sum += tile.rows[r][rest] * tile.columns[c][rest];
      }
      tile.scores[r][c] = sum;
    }
  }
}

}  // namespace

void score_tile(ScoreTile& tile, std::size_t dim) {
  widest([&](auto registers) LLM2CLIP_INLINE_LAMBDA { add_products<registers>(tile, dim); });
}

}  // namespace llm2clip
