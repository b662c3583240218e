#include "llm2clip/similarity.h"

#include <cmath>
#include <limits>

#include "support/catch.h"
#include "support/error.h"

using namespace llm2clip;
using llm2clip::testing::error_of;

namespace {

Embeddings rows_of(std::size_t dim, const std::vector<float>& values) {
  Embeddings rows(values.size() / dim, dim);
  for (std::size_t i = 0; i < values.size(); ++i) rows[i / dim][i % dim] = values[i];
  return rows;
}

}  // namespace

TEST_CASE("cosines holds image by text", "[similarity]") {
  const Embeddings images = rows_of(2, {1, 0, 0.6f, 0.8f});
  const Embeddings texts = rows_of(2, {0, 1, 1, 0, -1, 0});
  const Embeddings scores = cosines(images, texts);
  CHECK(scores.rows() == 2);
  CHECK(scores.dim() == 3);
  CHECK(std::vector<float>(scores.values().begin(), scores.values().end()) ==
        std::vector<float>{0, 1, -1, 0.8f, 0.6f, -0.6f});
}

TEST_CASE("rows of different models are not compared", "[similarity]") {
  CHECK(error_of([] { cosines(Embeddings(1, 2), Embeddings(1, 3)); }).kind() ==
        ErrorKind::invalid_argument);
  CHECK(error_of([] { cosine(std::vector<float>{1}, std::vector<float>{1, 2}); }).kind() ==
        ErrorKind::invalid_argument);
}

TEST_CASE("softmax of the reference's scale sums to one and does not overflow", "[similarity]") {
  const std::vector<float> probabilities = softmax(std::vector<float>{0.3f, 0.29f, -1}, 100);
  // 1 / (1 + e^-1 + e^-130)
  CHECK(probabilities[0] == Approx(0.7310586));
  CHECK(probabilities[1] == Approx(0.2689414));
  CHECK(probabilities[2] == Approx(0).margin(1e-30));
  const std::vector<float> large = softmax(std::vector<float>{3, 3}, 1e6f);
  CHECK(large == std::vector<float>{0.5f, 0.5f});
  CHECK(softmax({}, 100).empty());
}

TEST_CASE("a negative scale turns the order and does not overflow", "[similarity]") {
  const std::vector<float> probabilities = softmax(std::vector<float>{1, -1, 0.99f}, -100);
  CHECK(probabilities[0] == Approx(0).margin(1e-30));
  CHECK(probabilities[1] == Approx(1));
  CHECK(softmax(std::vector<float>{1, 2}, 0) == std::vector<float>{0.5f, 0.5f});
}

TEST_CASE("a scale that is not finite is refused", "[similarity]") {
  const std::vector<float> values = {0.1f, 0.2f};
  for (const float scale :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    CHECK(error_of([&] { softmax(values, scale); }).kind() == ErrorKind::invalid_argument);
    CHECK(error_of([&] { sigmoid(values, scale); }).kind() == ErrorKind::invalid_argument);
    CHECK(error_of([&] { softmax({}, scale); }).kind() == ErrorKind::invalid_argument);
  }
}

TEST_CASE("any number of rows without components takes no time", "[similarity]") {
  const std::size_t many = std::size_t{1} << 62;
  Embeddings rows(many, 0);
  normalize_rows(rows);
  CHECK(cosines(rows, Embeddings(0, 0)).rows() == many);
  CHECK(cosines(Embeddings(0, 0), rows).dim() == many);
  CHECK(cosines(Embeddings(3, 0), Embeddings(2, 0)).values().size() == 6);
  const Error error = error_of([&] { cosines(rows, rows); });
  CHECK(error.kind() == ErrorKind::out_of_memory);
  CHECK(cosine({}, {}) == 0);
}

TEST_CASE("sigmoid squashes each value alone", "[similarity]") {
  CHECK(sigmoid(std::vector<float>{0, 1}, 1)[0] == 0.5f);
  CHECK(sigmoid(std::vector<float>{0, 1}, 1)[1] == Approx(0.7310586));
}

TEST_CASE("top_k orders by value, then by index, NaN last", "[similarity]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<Match> matches = top_k(std::vector<float>{1, nan, 3, 1}, 9);
  REQUIRE(matches.size() == 4);
  CHECK(matches[0].index == 2);
  CHECK(matches[1].index == 0);
  CHECK(matches[2].index == 3);
  CHECK(matches[3].index == 1);
  CHECK(top_k(std::vector<float>{1, 2, 3}, 2).size() == 2);
}

TEST_CASE("normalize_rows gives unit rows, whatever the size of the values", "[similarity]") {
  Embeddings rows = rows_of(2, {3e20f, 4e20f, 3e-20f, 4e-20f, 0, 0});
  normalize_rows(rows);
  CHECK(rows[0][0] == Approx(0.6));
  CHECK(rows[1][1] == Approx(0.8));
  CHECK(rows[2][0] == 0);
}
