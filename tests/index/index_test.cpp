#include "llm2clip/index.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>

#include "index_rows.h"
#include "store/float16.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/scratch.h"

using namespace llm2clip;
using Catch::Matchers::Contains;
using testing::error_of;
using testing::id_of;
using testing::random_rows;

namespace {

constexpr std::size_t kDim = 40;

void write_index(const std::filesystem::path& path, const Embeddings& rows,
                 std::size_t commit_rows = 1000) {
  IndexWriter writer(path, {.dim = rows.dim(), .commit_rows = commit_rows});
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    writer.add(id_of(i), rows[i]);
    writer.commit_if_due();
  }
  writer.commit();
}

// Every row's product in float64 of what is stored, sorted: what a search must give.
std::vector<IndexHit> reference_search(const Index& index, std::span<const float> query,
                                       std::size_t k) {
  std::vector<IndexHit> hits;
  for (std::uint64_t row = 0; row < index.row_limit(); ++row) {
    const auto id = index.id(row);
    if (!id) continue;
    const std::vector<float> values = index.row(row);
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      sum += static_cast<double>(query[i]) * static_cast<double>(values[i]);
    }
    hits.push_back({row, static_cast<float>(sum), *id});
  }
  std::stable_sort(hits.begin(), hits.end(),
                   [](const IndexHit& a, const IndexHit& b) { return a.score > b.score; });
  hits.resize(std::min(k, hits.size()));
  return hits;
}

void check_same(const std::vector<IndexHit>& found, const std::vector<IndexHit>& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(found[i].row == expected[i].row);
    CHECK(found[i].score == expected[i].score);
    CHECK(found[i].id == expected[i].id);
  }
}

}  // namespace

TEST_CASE("a search gives what sorting all products gives", "[index]") {
  const testing::Scratch folder;
  write_index(folder / "a.index", random_rows(5000, kDim, 1));
  const Index index = Index::open(folder / "a.index");
  for (const std::size_t queries : {1, 3, 64, 100}) {
    const Embeddings query_rows = random_rows(queries, kDim, 2);
    const auto found = index.search(query_rows, {.top_k = 7, .threads = 3});
    REQUIRE(found.size() == queries);
    for (std::size_t i = 0; i < queries; ++i) {
      check_same(found[i], reference_search(index, query_rows[i], 7));
    }
  }
}

TEST_CASE("rows of equal scores come by their number", "[index]") {
  const testing::Scratch folder;
  const Embeddings few = random_rows(3, kDim, 3);
  Embeddings rows(900, kDim);
  for (std::size_t i = 0; i < rows.rows(); ++i) std::ranges::copy(few[i % 3], rows[i].begin());
  write_index(folder / "a.index", rows, 100);
  const auto found = Index::open(folder / "a.index").search(few, {.top_k = 300});
  for (std::size_t query = 0; query < 3; ++query) {
    for (std::size_t i = 0; i < 300; ++i) CHECK(found[query][i].row == 3 * i + query);
  }
}

TEST_CASE("a least score, a filter and a top k of 0 leave what they say", "[index]") {
  const testing::Scratch folder;
  const Embeddings rows = random_rows(500, kDim, 4);
  write_index(folder / "a.index", rows);
  const Index index = Index::open(folder / "a.index");
  const Embeddings query = random_rows(1, kDim, 5);
  const std::vector<IndexHit> all = reference_search(index, query[0], 500);

  check_same(index.search(query, {.top_k = 0})[0], all);
  const auto few = index.search(query, {.top_k = 0, .min_score = all[20].score})[0];
  check_same(few, {all.begin(), all.begin() + 21});
  const auto sevens = index.search(query, {.top_k = 0, .filter = "*7.jpg"})[0];
  CHECK(sevens.size() == 50);
  for (const IndexHit& hit : sevens) CHECK(hit.id.ends_with("7.jpg"));
  CHECK(index.search(query, {.filter = "*.png"})[0].empty());
}

TEST_CASE("queries that cannot be are refused", "[index]") {
  const testing::Scratch folder;
  write_index(folder / "a.index", random_rows(5, kDim, 6));
  const Index index = Index::open(folder / "a.index");
  CHECK(index.search(Embeddings(0, kDim)).empty());
  CHECK_THAT(error_of([&] { index.search(random_rows(1, 8, 1)); }).what(),
             Contains("have 8 components, the rows of ") && Contains("have 40"));
  Embeddings bad(2, kDim);
  bad[1][3] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THAT(error_of([&] { index.search(bad); }).what(),
             Contains("query 1 has a value that is not finite"));
  CHECK(error_of([&] { index.row(5); }).kind() == ErrorKind::invalid_argument);
}

TEST_CASE("rows that are alike come together in groups", "[index]") {
  const testing::Scratch folder;
  Embeddings rows = random_rows(300, kDim, 7);
  // 250 is nearly 3, 251 nearly 250; 100 is 200.
  std::ranges::copy(rows[3], rows[250].begin());
  rows[250][0] += 0.1f;
  std::ranges::copy(rows[250], rows[251].begin());
  rows[251][1] += 0.1f;
  std::ranges::copy(rows[100], rows[200].begin());
  write_index(folder / "a.index", rows, 64);
  const auto groups = Index::open(folder / "a.index").duplicates(0.98f);
  REQUIRE(groups.size() == 2);
  REQUIRE(groups[0].members.size() == 3);
  CHECK(groups[0].members[0].id == "3.jpg");
  CHECK(groups[0].members[1].id == "250.jpg");
  CHECK(groups[0].members[2].id == "251.jpg");
  CHECK(groups[0].members[0].score > 0.98f);
  REQUIRE(groups[1].members.size() == 2);
  CHECK(groups[1].members[0].id == "100.jpg");
  CHECK(groups[1].members[1].score == Approx(1).margin(1e-3));
}

TEST_CASE("what is no index, or a damaged one, is refused", "[index]") {
  const testing::Scratch folder;
  CHECK_THAT(error_of([&] { Index::open(folder / "none"); }).what(), Contains("is no index"));
  write_index(folder / "a.index", random_rows(50, kDim, 8));
  const auto damage = [&](const std::string& name, const auto& change) {
    const testing::Scratch copy;
    std::filesystem::copy(folder / "a.index", copy / "b.index");
    std::string content = testing::content_of(copy / "b.index" / name);
    change(content);
    testing::put(copy / "b.index" / name, content);
    return error_of([&] { Index::open(copy / "b.index").verify(); });
  };
  const auto flip = [](std::string& content) { content[content.size() / 2] ^= 4; };
  const auto cut = [](std::string& content) { content.resize(content.size() - 2); };
  CHECK_THAT(damage("rows-1.npy", flip).what(), Contains("rows-1.npy is damaged"));
  CHECK_THAT(damage("ids-1", flip).what(), Contains("ids-1 is damaged"));
  CHECK_THAT(damage("rows-1.npy", cut).what(), Contains("other than were written"));
  CHECK_THAT(damage("index.json", cut).what(), !Contains("internal"));
  CHECK_THAT(damage("index.json", [](std::string& text) { text = "{}"; }).what(),
             Contains("is of another format"));
}

TEST_CASE("ids that point out of their file are refused, and not followed", "[index]") {
  const testing::Scratch folder;
  write_index(folder / "a.index", random_rows(5, kDim, 9));
  std::string ids = testing::content_of(folder / "a.index" / "ids-1");
  ids[6] = '\x7f';  // of where the first begins
  testing::put(folder / "a.index" / "ids-1", ids);
  CHECK_THAT(error_of([&] { Index::open(folder / "a.index").id(0); }).what(),
             Contains("ids-1 is damaged"));
}
