#include "llm2clip/evaluate.h"

#include <limits>
#include <random>
#include <sstream>

#include "llm2clip/similarity.h"
#include "support/catch.h"
#include "support/error.h"

using namespace llm2clip;
using llm2clip::testing::error_of;

namespace {

Embeddings embeddings_of(std::size_t dim, std::vector<float> values) {
  const std::size_t rows = values.size() / dim;
  return {rows, dim, std::move(values)};
}

// Small whole numbers: their products are exact in any order, so that ties are ties.
Embeddings whole_rows(std::size_t rows, std::size_t dim, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> values(rows * dim);
  for (float& value : values) value = static_cast<float>(static_cast<int>(random() % 7) - 3);
  return {rows, dim, std::move(values)};
}

// By sorting all candidates, the wrong ones first among equals.
double recall_by_sorting(const Embeddings& scores, const std::vector<std::vector<bool>>& right,
                         std::size_t k) {
  double hits = 0;
  double queries = 0;
  for (std::size_t i = 0; i < scores.rows(); ++i) {
    std::vector<std::size_t> order(scores.dim());
    for (std::size_t j = 0; j < order.size(); ++j) order[j] = j;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      if (scores[i][a] != scores[i][b]) return scores[i][a] > scores[i][b];
      return !right[i][a] && right[i][b];
    });
    if (std::find(right[i].begin(), right[i].end(), true) == right[i].end()) continue;
    ++queries;
    hits += std::any_of(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k),
                        [&](std::size_t j) { return right[i][j]; });
  }
  return hits / queries;
}

}  // namespace

TEST_CASE("recall is that of sorted candidates, at any size of the tiles", "[evaluate]") {
  for (const std::size_t dim : {1u, 3u, 16u, 61u, 640u}) {
    for (const std::size_t texts : {11u, 23u, 501u}) {
      const Embeddings image_rows = whole_rows(10 + texts / 5, dim, 1);
      const Embeddings text_rows = whole_rows(texts, dim, 2);
      std::vector<RetrievalPair> pairs;
      std::vector right(image_rows.rows(), std::vector<bool>(texts));
      std::vector theirs(texts, std::vector<bool>(image_rows.rows()));
      for (std::size_t text = 0; text < texts; ++text) {
        for (const std::size_t image : {text / 5, (text * 7) % image_rows.rows()}) {
          pairs.push_back({image, text});
          right[image][text] = theirs[text][image] = true;
        }
      }
      const RetrievalResult result = evaluate_retrieval(image_rows, text_rows, pairs);
      const Embeddings scores = cosines(image_rows, text_rows);
      const Embeddings turned = cosines(text_rows, image_rows);
      INFO(dim << " components, " << texts << " texts");
      CHECK(result.image_to_text.recall_at_1 == recall_by_sorting(scores, right, 1));
      CHECK(result.image_to_text.recall_at_5 == recall_by_sorting(scores, right, 5));
      CHECK(result.image_to_text.recall_at_10 == recall_by_sorting(scores, right, 10));
      CHECK(result.text_to_image.recall_at_1 == recall_by_sorting(turned, theirs, 1));
      CHECK(result.text_to_image.recall_at_5 == recall_by_sorting(turned, theirs, 5));
      CHECK(result.text_to_image.recall_at_10 == recall_by_sorting(turned, theirs, 10));
    }
  }
}

TEST_CASE("equal rows tie wherever they stand, and ties are lost", "[evaluate]") {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::vector<float> row(77);
  for (float& value : row) value = normal(random);
  std::vector<float> copies;
  for (int i = 0; i < 50; ++i) copies.insert(copies.end(), row.begin(), row.end());
  const Embeddings images = embeddings_of(row.size(), row);
  const Embeddings texts = embeddings_of(row.size(), copies);
  for (std::size_t right = 0; right < texts.rows(); ++right) {
    const std::vector<RetrievalPair> pairs = {{0, right}};
    CHECK(evaluate_retrieval(images, texts, pairs).image_to_text.median_rank == 50);
    CHECK(evaluate_retrieval(texts, images, std::vector<RetrievalPair>{{right, 0}})
              .text_to_image.median_rank == 50);
  }
}

TEST_CASE("a score that is no number is worse than any, and better for no one", "[evaluate]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Embeddings images = embeddings_of(2, {1, 0});
  const Embeddings texts = embeddings_of(2, {1, 0, nan, 0, 0.5f, 0, nan, 1});
  const std::vector<RetrievalPair> best = {{0, 0}};
  CHECK(evaluate_retrieval(images, texts, best).image_to_text.median_rank == 3);
  const std::vector<RetrievalPair> lost = {{0, 1}};
  CHECK(evaluate_retrieval(images, texts, lost).image_to_text.median_rank == 4);
}

TEST_CASE("the median of an even number of ranks is between two", "[evaluate]") {
  const Embeddings images = embeddings_of(1, {1, 1});
  const Embeddings texts = embeddings_of(1, {4, 3, 2, 1});
  const std::vector<RetrievalPair> pairs = {{0, 1}, {1, 3}};
  const RetrievalScores scores = evaluate_retrieval(images, texts, pairs).image_to_text;
  CHECK(scores.median_rank == 3);
  CHECK(scores.queries == 2);
  CHECK(scores.recall_at_1 == 0);
  CHECK(scores.recall_at_5 == 1);
}

TEST_CASE("top-1 and top-5 are counted over images and over labels", "[evaluate]") {
  const std::size_t labels = 8;
  std::vector<float> one_hot(labels * labels);
  for (std::size_t i = 0; i < labels; ++i) one_hot[i * labels + i] = 1;
  const Embeddings label_rows = embeddings_of(labels, one_hot);
  // Of label 0: first, sixth; of label 1: second, twice; the others have no image.
  const Embeddings images = embeddings_of(labels, {9, 1, 0, 0, 0, 0, 0, 0, 1, 9, 8, 7, 6, 5, 0, 0,
                                                   9, 8, 0, 0, 0, 0, 0, 0, 9, 8, 0, 0, 0, 0, 0, 0});
  const std::vector<std::size_t> truth = {0, 0, 1, 1};
  const ZeroShotResult result = evaluate_zero_shot(images, label_rows, truth);
  CHECK(result.images == 4);
  CHECK(result.top_1 == 0.25);
  CHECK(result.top_5 == 0.75);
  CHECK(result.mean_top_1 == 0.25);
  CHECK(result.mean_top_5 == 0.75);
  REQUIRE(result.labels.size() == labels);
  CHECK(result.labels[0].top_1 == 0.5);
  CHECK(result.labels[0].top_5 == 0.5);
  CHECK(result.labels[1].images == 2);
  CHECK(result.labels[1].top_5 == 1);
  CHECK(result.labels[2].images == 0);
}

TEST_CASE("labels that score the same are no hit", "[evaluate]") {
  const Embeddings labels = embeddings_of(1, {1, 1});
  const Embeddings images = embeddings_of(1, {1});
  const std::vector<std::size_t> truth = {0};
  CHECK(evaluate_zero_shot(images, labels, truth).top_1 == 0);
  CHECK(evaluate_zero_shot(images, labels, truth).top_5 == 1);
}

TEST_CASE("what cannot be evaluated is named", "[evaluate]") {
  const Embeddings rows = embeddings_of(2, {1, 0, 0, 1});
  const std::vector<RetrievalPair> pairs = {{0, 0}};
  const std::vector<RetrievalPair> far = {{0, 2}};
  const auto message = [](auto&& call) { return std::string(error_of(call).what()); };
  CHECK(message([&] { evaluate_retrieval(rows, embeddings_of(1, {1}), pairs); }) ==
        "embeddings: 2 components against 1; rows of one model are expected");
  CHECK(message([&] { evaluate_retrieval(rows, rows, {}); }) == "pairs: expected at least one");
  CHECK(message([&] { evaluate_retrieval(rows, rows, far); }) ==
        "pairs: texts: row 2 is not there, there are 2");
  CHECK(message([&] { evaluate_zero_shot(rows, rows, std::vector<std::size_t>{0}); }) ==
        "truth: 1 labels for 2 images; one for each of one or more is expected");
  CHECK(message([&] { evaluate_zero_shot(rows, rows, std::vector<std::size_t>{0, 7}); }) ==
        "truth: labels: row 7 is not there, there are 2");
  CHECK(error_of([] {
          evaluate_retrieval(Embeddings(3, 0), Embeddings(3, 0),
                             std::vector<RetrievalPair>{{0, 0}});
        }).kind() == ErrorKind::invalid_argument);
}
