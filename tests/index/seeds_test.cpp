#include "index/hnsw/seeds.h"

#include <algorithm>

#include "index_rows.h"
#include "store/float16.h"
#include "support/catch.h"

using namespace llm2clip;

TEST_CASE("the seeds nearest to a query come first", "[seeds]") {
  constexpr std::size_t kSeeds = 500;
  for (const std::size_t dim : {1, 7, 129, 640}) {
    const Embeddings rows = testing::random_rows(kSeeds, dim, 1);
    const std::vector<std::uint16_t> halves = to_float16(rows.values());
    Seeds seeds(dim);
    for (std::uint32_t i = 0; i < kSeeds; ++i) {
      seeds.add(1000 + i, std::span(halves).subspan(i * dim, dim));
    }
    const Embeddings queries = testing::random_rows(20, dim, 2);
    for (std::size_t i = 0; i < queries.rows(); ++i) {
      const auto score = [&](std::uint32_t slot) {
        double sum = 0;
        for (std::size_t k = 0; k < dim; ++k) sum += queries[i][k] * rows[slot - 1000][k];
        return sum;
      };
      double best = -1;
      for (std::uint32_t slot = 1000; slot < 1000 + kSeeds; ++slot) {
        best = std::max(best, score(slot));
      }
      const std::vector<std::uint32_t> found = seeds.nearest(queries[i], 4);
      REQUIRE(found.size() == 4);
      CHECK(score(found.front()) >= best - 0.02);
      CHECK(score(found.back()) <= score(found.front()) + 0.02);
    }
  }
}

TEST_CASE("there are as many seeds as are asked for, or all", "[seeds]") {
  const std::vector<std::uint16_t> row(8);
  Seeds seeds(8);
  CHECK(seeds.nearest(std::vector<float>(8), 4).empty());
  seeds.add(3, row);
  CHECK(seeds.nearest(std::vector<float>(8), 4) == std::vector<std::uint32_t>{3});
}

TEST_CASE("seeds are a share of the rows, and never too many to look at", "[seeds]") {
  CHECK(Seeds::count_of(0) == 0);
  CHECK(Seeds::count_of(1) == 1);
  CHECK(Seeds::count_of(6400) == 101);
  CHECK(Seeds::count_of(1'000'000'000) == 65'536);
}
