#include "encoder/cpu/product_parts.h"

#include <ATen/Parallel.h>
#include <unistd.h>

#include <algorithm>

#include "encoder/cpu/tile.h"

namespace llm2clip {
namespace {

using std::int64_t;

constexpr int64_t kTileRows = tile::kMostRows<64>;  // and two tiles at AVX2
constexpr int64_t kUsualCache = 512 << 10;          // where the system does not know
constexpr int64_t kMostSums = 1 << 19;

}  // namespace

int64_t second_cache() {
  static const int64_t known = sysconf(_SC_LEVEL2_CACHE_SIZE);
  return known > 0 ? known : kUsualCache;
}

PartLimits vector_limits() {
  static const PartLimits limits = [] {
    constexpr int64_t kTileBytes = kTileRows * tile::kRowStride * int64_t{sizeof(float)};
    const int64_t tiles = std::clamp(second_cache() / 2 / kTileBytes, int64_t{10}, int64_t{80});
    const int64_t rows = tiles * kTileRows;
    return PartLimits{kTileRows, rows, kMostSums / rows / panel::kWidth * panel::kWidth};
  }();
  return limits;
}

ProductParts::ProductParts(int64_t rows, int64_t columns, int64_t threads, const PartLimits& limits)
    : rows_(axis(rows, limits.tile_rows, limits.rows)),
      columns_(axis(columns, panel::kWidth, limits.columns)) {
  while (columns_.count < columns_.pieces && count() % threads != 0) ++columns_.count;
}

ProductPart ProductParts::operator[](int64_t index) const {
  const int64_t row = index % rows_.count, column = index / rows_.count;
  return {rows_.begin(row), rows_.begin(row + 1) - rows_.begin(row), columns_.begin(column),
          columns_.begin(column + 1) - columns_.begin(column)};
}

ProductParts::Axis ProductParts::axis(int64_t size, int64_t piece, int64_t most) {
  return {size, piece, at::divup(size, most / piece * piece), at::divup(size, piece)};
}

int64_t ProductParts::Axis::begin(int64_t part) const {
  return std::min(size, part * pieces / count * piece);
}

}  // namespace llm2clip
