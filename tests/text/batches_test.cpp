#include "text/batches.h"

#include <algorithm>
#include <random>

#include "support/catch.h"

namespace llm2clip {
namespace {

std::vector<Tokens> texts_of(const std::vector<std::size_t>& counts) {
  std::vector<Tokens> texts;
  for (const std::size_t count : counts) {
    texts.push_back({.ids = std::vector<std::int64_t>(count, 1), .pooled = 1});
  }
  return texts;
}

TEST_CASE("every text is in exactly one batch, with texts of its length, longest first",
          "[text][batches]") {
  std::mt19937 random(7);
  for (const std::size_t budget : {1U, 7U, 64U, 512U, 1000000U}) {
    std::vector<std::size_t> counts(300);
    for (std::size_t& count : counts) count = 1 + random() % 40;
    const std::vector<Tokens> texts = texts_of(counts);

    std::vector<std::size_t> rows;
    std::size_t previous = 1000;
    for (const TokenBatch& batch : token_batches(texts, Lengths::equal, budget)) {
      const std::size_t length = counts[batch[0]];
      CHECK(length <= previous);
      previous = length;
      CHECK((batch.size() * length <= budget || batch.size() == 1));
      for (const std::size_t row : batch) {
        CHECK(counts[row] == length);
        rows.push_back(row);
      }
    }
    std::sort(rows.begin(), rows.end());
    REQUIRE(rows.size() == counts.size());
    for (std::size_t i = 0; i < rows.size(); ++i) CHECK(rows[i] == i);
  }
}

TEST_CASE("equal texts are found, those alone that have the same row", "[text][batches]") {
  const std::vector<Tokens> texts = {{.ids = {1, 2}}, {.ids = {3}},
                                     {.ids = {1, 2}}, {.ids = {2, 1}},
                                     {.ids = {1, 2}}, {.ids = {1, 2}, .pooled = 1}};
  const EqualTexts found = find_equal_texts(texts);
  CHECK(found.first_of == std::vector<std::size_t>{0, 1, 0, 3, 0, 5});
  CHECK(found.distinct == std::vector<std::size_t>{0, 1, 3, 5});
  const auto batches = token_batches(texts, found.distinct, Lengths::equal, 100);
  REQUIRE(batches.size() == 2);
  CHECK(batches[0] == TokenBatch{0, 3, 5});
  CHECK(batches[1] == TokenBatch{1});
}

TEST_CASE("a text above the budget is a batch alone", "[text][batches]") {
  const auto batches = token_batches(texts_of({3, 500, 3, 500}), Lengths::equal, 10);
  REQUIRE(batches.size() == 3);
  CHECK(batches[0] == TokenBatch{1});
  CHECK(batches[1] == TokenBatch{3});
  CHECK(batches[2] == TokenBatch{0, 2});
}

TEST_CASE("texts of any length fill batches, longest first", "[text][batches]") {
  const auto batches = token_batches(texts_of({4, 9, 8, 7, 9, 2}), Lengths::any, 17);
  REQUIRE(batches.size() == 3);
  CHECK(batches[0] == TokenBatch{1});
  CHECK(batches[1] == TokenBatch{4, 2});
  CHECK(batches[2] == TokenBatch{3, 0, 5});
}

TEST_CASE("no texts make no batches", "[text][batches]") {
  CHECK(token_batches({}, Lengths::equal, 100).empty());
}

}  // namespace
}  // namespace llm2clip
