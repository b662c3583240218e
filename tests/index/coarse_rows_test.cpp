#include "index/coarse_rows.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <random>

#include "index/segment.h"
#include "index_rows.h"
#include "llm2clip/index.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/scratch.h"

using namespace llm2clip;
using testing::clustered_rows;
using testing::id_of;
using testing::random_rows;

namespace {

// Some components of many times the size of the others, as CLIP's have.
Embeddings uneven_rows(std::size_t rows, std::size_t dim, unsigned seed) {
  Embeddings result = random_rows(rows, dim, seed);
  for (std::size_t i = 0; i < rows; ++i) {
    double squares = 0;
    for (std::size_t k = 0; k < dim; ++k) {
      if (k % 29 == 3) result[i][k] *= 15;
      squares += static_cast<double>(result[i][k]) * result[i][k];
    }
    for (float& value : result[i]) value = static_cast<float>(value / std::sqrt(squares));
  }
  return result;
}

void make(const std::filesystem::path& path, const Embeddings& rows, IndexScan scan) {
  IndexWriter writer(path, {.dim = rows.dim(), .scan = scan});
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    writer.add(id_of(i), rows[i]);
    if (i % 400 == 399) writer.commit();
  }
  writer.commit();
}

bool same(const std::vector<std::vector<IndexHit>>& a,
          const std::vector<std::vector<IndexHit>>& b) {
  const auto same_hit = [](const IndexHit& x, const IndexHit& y) {
    return x.row == y.row && x.score == y.score && x.id == y.id;
  };
  return std::ranges::equal(
      a, b, [&](const auto& x, const auto& y) { return std::ranges::equal(x, y, same_hit); });
}

}  // namespace

TEST_CASE("a scan of int8 finds what one of float16 finds, to the bit", "[coarse_rows]") {
  for (const std::size_t dim : {1, 7, 48, 129, 640}) {
    const testing::Scratch folder;
    const bool uneven = dim % 2 == 1;
    const Embeddings rows = uneven ? uneven_rows(1500, dim, 1) : clustered_rows(1500, dim, 1);
    make(folder / "half.index", rows, IndexScan::float16);
    make(folder / "int8.index", rows, IndexScan::int8);
    const Index half = Index::open(folder / "half.index");
    const Index coarse = Index::open(folder / "int8.index");
    CHECK(coarse.scan() == IndexScan::int8);
    for (unsigned seed = 2; seed < 12; ++seed) {
      Embeddings queries =
          uneven ? uneven_rows(seed % 4 + 1, dim, seed) : clustered_rows(seed % 4 + 1, dim, seed);
      if (seed == 5) std::ranges::fill(queries[0], 0.0f);
      if (seed == 6) std::ranges::for_each(queries[0], [](float& value) { value *= 1000; });
      for (const std::size_t top_k : {1, 10, 200}) {
        CHECK(
            same(coarse.search(queries, {.top_k = top_k}), half.search(queries, {.top_k = top_k})));
      }
      const SearchOptions least{.top_k = 0, .min_score = 0.2f};
      CHECK(same(coarse.search(queries, least), half.search(queries, least)));
    }
    coarse.verify();
  }
}

TEST_CASE("an index is brought to another scan and back", "[coarse_rows]") {
  const testing::Scratch folder;
  const auto coarse_files = [&] {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder / "a.index")) {
      count += entry.path().filename().string().starts_with("coarse-") ? 1 : 0;
    }
    return count;
  };
  const Embeddings rows = random_rows(900, 32, 21);
  make(folder / "a.index", rows, IndexScan::float16);
  CHECK(coarse_files() == 0);
  IndexWriter writer(folder / "a.index", {.scan = IndexScan::int8});
  writer.commit();
  CHECK(coarse_files() == 3);  // one a segment
  writer.remove(id_of(5));
  writer.compact();
  CHECK(coarse_files() == 1);
  CHECK(Index::open(folder / "a.index").search(rows).size() == 900);
  Index::open(folder / "a.index").verify();
  IndexWriter other = std::move(writer);
  other.add("new", rows[0]);
  other.commit();
  CHECK(coarse_files() == 2);
}

TEST_CASE("bounds of coarse products hold", "[coarse_rows]") {
  std::mt19937 random(22);
  for (int round = 0; round < 200; ++round) {
    const std::size_t dim = 1 + random() % 300;
    const auto seed = static_cast<unsigned>(random());
    const Embeddings pair = round % 2 == 0 ? uneven_rows(2, dim, seed) : random_rows(2, dim, seed);
    const std::span<const float> row = pair[1];
    float most = 0;
    for (const float value : row) most = std::max(most, std::abs(value));
    const float scale = most / 127;
    std::vector<std::int8_t> coarse(dim);
    double squares = 0;
    double truth = 0;
    for (std::size_t i = 0; i < dim; ++i) {
      coarse[i] = static_cast<std::int8_t>(std::lround(row[i] / scale));
      squares += std::pow(row[i] - static_cast<double>(scale) * coarse[i], 2);
      truth += static_cast<double>(row[i]) * pair[0][i];
    }
    const CoarseQuery query(pair[0]);
    const float error = query.error(static_cast<float>(std::sqrt(squares)));
    const double off = std::abs(query.product(coarse.data(), scale) - truth);
    CHECK(off <= error);
    CHECK(error < 0.2);
  }
}
