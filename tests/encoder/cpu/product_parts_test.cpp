#include "encoder/cpu/product_parts.h"

#include <vector>

#include "support/catch.h"

using namespace llm2clip;

TEST_CASE("parts cover the result once, and none is larger than the caches allow",
          "[encoder][product_parts]") {
  const PartLimits limits = GENERATE(vector_limits(), PartLimits{32, 500, 96});
  for (const auto& [rows, columns] :
       {std::pair{1, 1}, {26, 2048}, {500, 70}, {959, 40}, {3152, 3072}, {5000, 33}}) {
    for (const int threads : {1, 2, 7, 64}) {
      INFO(rows << " x " << columns << ", " << threads << " threads");
      const ProductParts parts(rows, columns, threads, limits);
      std::vector<int> seen(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns));
      for (std::int64_t index = 0; index < parts.count(); ++index) {
        const ProductPart part = parts[index];
        REQUIRE((part.rows > 0 && part.columns > 0));
        CHECK(part.rows <= limits.rows);
        CHECK(part.columns <= limits.columns);
        CHECK((part.rows % limits.tile_rows == 0 || part.row + part.rows == rows));
        for (std::int64_t row = part.row; row < part.row + part.rows; ++row) {
          for (std::int64_t column = part.column; column < part.column + part.columns; ++column) {
            ++seen[static_cast<std::size_t>(row * columns + column)];
          }
        }
      }
      CHECK(seen == std::vector<int>(seen.size(), 1));
    }
  }
}

TEST_CASE("few rows are divided by columns among the threads", "[encoder][product_parts]") {
  CHECK(ProductParts(26, 2048, 7).count() % 7 == 0);
  CHECK(ProductParts(26, 2048, 64).count() % 64 == 0);
  CHECK(ProductParts(1, 16, 64).count() == 1);  // a panel is not divided
}
