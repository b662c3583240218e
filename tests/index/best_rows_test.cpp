#include "index/best_rows.h"

#include <algorithm>
#include <limits>
#include <random>
#include <set>

#include "support/catch.h"

using namespace llm2clip;

namespace {

constexpr float kAnyScore = -std::numeric_limits<float>::infinity();

std::set<std::uint64_t> rows_in(BestRows& best) {
  std::set<std::uint64_t> rows;
  for (const Candidate& candidate : best.candidates()) rows.insert(candidate.row);
  return rows;
}

}  // namespace

TEST_CASE("the best rows stay, whatever comes before and after them", "[best_rows]") {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> scores(-1, 1);
  std::vector<float> all(5000);
  for (float& score : all) score = scores(random);
  BestRows best(7, kAnyScore, 0);
  for (std::size_t row = 0; row < all.size(); ++row) best.add(all[row], row);

  std::vector<float> sorted = all;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  std::set<std::uint64_t> expected;
  for (std::size_t row = 0; row < all.size(); ++row) {
    if (all[row] >= sorted[6]) expected.insert(row);
  }
  CHECK(rows_in(best) == expected);
}

TEST_CASE("rows within the error of the last of the best stay", "[best_rows]") {
  BestRows best(1, kAnyScore, 0.1f);
  best.add(0.5f, 1);
  best.add(0.31f, 2);  // may be 0.41, and the first 0.4
  best.add(0.29f, 3);
  CHECK(rows_in(best) == std::set<std::uint64_t>{1, 2});
}

TEST_CASE("rows that may reach the least score stay, all of them where k is 0", "[best_rows]") {
  BestRows best(0, 0.5f, 0.1f);
  best.add(0.45f, 1);
  best.add(0.35f, 2);
  best.add(0.9f, 3);
  CHECK(rows_in(best) == std::set<std::uint64_t>{1, 3});
}

TEST_CASE("rows of equal scores are kept for whoever orders them", "[best_rows]") {
  BestRows best(2, kAnyScore, 0);
  for (std::uint64_t row = 0; row < 3000; ++row) best.add(1.0f, row);
  CHECK(rows_in(best).size() == 3000);
}
