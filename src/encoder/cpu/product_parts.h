#pragma once

#include <cstdint>

namespace llm2clip {

/// Bytes of the second cache.
std::int64_t second_cache();

/// How large parts may be; all but the last have whole tiles of `tile_rows` rows.
struct PartLimits {
  std::int64_t tile_rows, rows, columns;
};
/// Those of products in vector registers (tile.h). The rows' values of a block (panel.h) fill half
/// of the second cache, where they stay while columns pass: the more of them, the less often a
/// weight is widened. The sums of so many rows and columns take 2 MB: the more columns, the less
/// often rows are taken, and sums are touched once in a block, wherever they are.
PartLimits vector_limits();

/// Rows and columns of the result that a thread computes in one go.
struct ProductPart {
  std::int64_t row, rows, column, columns;
};

/// The result in parts that differ little in size, as many for each thread.
class ProductParts {
 public:
  ProductParts(std::int64_t rows, std::int64_t columns, std::int64_t threads,
               const PartLimits& limits = vector_limits());
  std::int64_t count() const { return rows_.count * columns_.count; }
  /// Those that follow one another have the same columns.
  ProductPart operator[](std::int64_t index) const;

 private:
  // Rows or columns in `count` parts, all but the last in whole pieces.
  struct Axis {
    std::int64_t size, piece, count, pieces;
    std::int64_t begin(std::int64_t part) const;
  };
  static Axis axis(std::int64_t size, std::int64_t piece, std::int64_t most);

  Axis rows_, columns_;
};

}  // namespace llm2clip
