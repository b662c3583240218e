#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "llm2clip/embeddings.h"

namespace llm2clip {

/// Dot products of four rows with three, which is what the registers of any processor hold sums of.
inline constexpr std::size_t kTileRows = 4;
inline constexpr std::size_t kTileColumns = 3;

struct ScoreTile {
  std::array<const float*, kTileRows> rows;
  std::array<const float*, kTileColumns> columns;
  std::array<std::array<float, kTileColumns>, kTileRows> scores;
};

/// Fills in the scores. One function for whole tiles and for those of fewer rows, so that equal
/// rows have equal scores wherever they stand: ties must be ties.
void score_tile(ScoreTile& tile, std::size_t dim);

/// The score of one pair of rows, the same to the bit as in for_each_score.
inline float score_of(const float* row, const float* column, std::size_t dim) {
  ScoreTile tile;
  tile.rows.fill(row);
  tile.columns.fill(column);
  score_tile(tile, dim);
  return tile.scores[0][0];
}

/// Calls visit(i, j, score) for each row i of `rows` and row j of `columns`, in an order that takes
/// a block of columns for all rows, as the caches hold it.
template <typename Visit>
void for_each_score(const EmbeddingsView& rows, const EmbeddingsView& columns, const Visit& visit) {
  constexpr std::size_t kBlockBytes = 512u << 10;
  const std::size_t dim = rows.dim();
  const std::size_t block = std::max(kBlockBytes / (dim * sizeof(float)), kTileColumns);
  ScoreTile tile;
  for (std::size_t first = 0; first < columns.rows(); first += block) {
    const std::size_t last = std::min(first + block, columns.rows());
    for (std::size_t i = 0; i < rows.rows(); i += kTileRows) {
      const std::size_t height = std::min(kTileRows, rows.rows() - i);
      for (std::size_t r = 0; r < kTileRows; ++r) {
        tile.rows[r] = rows[i + std::min(r, height - 1)].data();
      }
      for (std::size_t j = first; j < last; j += kTileColumns) {
        const std::size_t width = std::min(kTileColumns, last - j);
        for (std::size_t c = 0; c < kTileColumns; ++c) {
          tile.columns[c] = columns[j + std::min(c, width - 1)].data();
        }
        score_tile(tile, dim);
        for (std::size_t r = 0; r < height; ++r) {
          for (std::size_t c = 0; c < width; ++c) visit(i + r, j + c, tile.scores[r][c]);
        }
      }
    }
  }
}

}  // namespace llm2clip
