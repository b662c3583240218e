#include "index/row_products.h"

#include <cmath>

#include "index_rows.h"
#include "store/float16.h"
#include "support/catch.h"

using namespace llm2clip;

namespace {

double reference_product(std::span<const float> query, std::span<const std::uint16_t> row) {
  double sum = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    sum += static_cast<double>(query[i]) * static_cast<double>(from_float16(row[i]));
  }
  return sum;
}

void check_products(std::size_t queries, std::size_t rows, std::size_t dim) {
  INFO(queries << " queries, " << rows << " rows of " << dim);
  const Embeddings query_rows = testing::random_rows(queries, dim, 1);
  const std::vector<std::uint16_t> halves = to_float16(testing::random_rows(rows, dim, 2).values());
  const RowProducts products(query_rows);
  RowProducts::Scratch scratch = products.scratch();
  products.multiply(halves.data(), rows, scratch);
  double worst = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    const auto values = std::span(halves).subspan(row * dim, dim);
    for (std::size_t query = 0; query < queries; ++query) {
      const double expected = reference_product(query_rows[query], values);
      worst = std::max(worst, std::abs(expected - scratch.scores[row * products.stride() + query]));
      CHECK(exact_product(query_rows[query], values) == static_cast<float>(expected));
    }
  }
  CHECK(worst <= products.error());
  CHECK(products.error() < 1e-4);
}

}  // namespace

TEST_CASE("products are those of the formula within the error that they say", "[row_products]") {
  for (const std::size_t dim : {1, 15, 16, 17, 96, 1152, 1280}) {
    for (const std::size_t queries : {1, 2, 16, 17, 64, 65, 100}) check_products(queries, 48, dim);
  }
  for (const std::size_t rows : {1, 5, 6, 7, 47}) {
    check_products(1, rows, 96);
    check_products(64, rows, 96);
  }
}

TEST_CASE("every finite half is widened to its value", "[row_products]") {
  const std::vector<float> one = {1.0f};
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    if ((half & 0x7c00u) == 0x7c00u) continue;
    if (exact_product(one, std::span(&half, 1)) != from_float16(half)) {
      FAIL(bits << " is " << exact_product(one, std::span(&half, 1)));
    }
  }
}
