#include <algorithm>
#include <filesystem>
#include <numeric>
#include <optional>
#include <random>
#include <set>

#include "index/hnsw/graph.h"
#include "index_rows.h"
#include "llm2clip/index.h"
#include "store/float16.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/scratch.h"

using namespace llm2clip;
using Catch::Matchers::Contains;
using testing::clustered_rows;
using testing::error_of;
using testing::id_of;

namespace {

constexpr std::size_t kDim = 24;
constexpr std::size_t kRows = 6000;  // few enough to take no time, and more than go without links
const IndexOptions kLinked = {.dim = kDim, .kind = IndexKind::hnsw};

void add_rows(IndexWriter& writer, const Embeddings& rows, std::size_t first, std::size_t last) {
  for (std::size_t i = first; i < last; ++i) writer.add(id_of(i), rows[i]);
}

// An index of kRows rows that are linked.
void make_linked(const std::filesystem::path& path, const Embeddings& rows) {
  IndexWriter writer(path, kLinked);
  add_rows(writer, rows, 0, kRows);
  REQUIRE(writer.update_graph());
}

std::filesystem::path graph_in(const std::filesystem::path& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with("graph-")) return entry.path();
  }
  return {};
}

double recall(const Index& index, const Embeddings& queries) {
  const auto found = index.search(queries);
  const auto best = index.search(queries, {.exact = true});
  std::size_t right = 0;
  for (std::size_t i = 0; i < queries.rows(); ++i) {
    for (const IndexHit& hit : best[i]) {
      right += static_cast<std::size_t>(std::ranges::any_of(found[i], [&](const IndexHit& other) {
        return other.row == hit.row && other.score == hit.score;
      }));
    }
  }
  return static_cast<double>(right) / static_cast<double>(10 * queries.rows());
}

Embeddings one(std::span<const float> row) {
  Embeddings query(1, row.size());
  std::ranges::copy(row, query[0].begin());
  return query;
}

}  // namespace

TEST_CASE("links lead to nearly all of what a look at every row finds, with the same scores",
          "[hnsw]") {
  const testing::Scratch folder;
  make_linked(folder / "a.index", clustered_rows(kRows, kDim, 1));
  const Index index = Index::open(folder / "a.index");
  CHECK(index.kind() == IndexKind::hnsw);
  REQUIRE(index.graph());
  CHECK(index.graph()->rows == kRows);
  CHECK(index.graph()->sampled == 128);
  CHECK(index.graph()->recall > 0.98);
  CHECK(index.graph()->recall <= 1);
  CHECK(recall(index, clustered_rows(200, kDim, 2)) > 0.97);
  index.verify();
}

TEST_CASE("rows that came after the links are found, and removed ones are not", "[hnsw]") {
  const testing::Scratch folder;
  const Embeddings rows = clustered_rows(kRows + 50, kDim, 3);
  make_linked(folder / "a.index", rows);
  {
    IndexWriter writer(folder / "a.index", {});
    add_rows(writer, rows, kRows, kRows + 50);
    writer.remove(id_of(7));
    CHECK(writer.update_graph()->rows == kRows);  // fifty are few
  }
  const Index index = Index::open(folder / "a.index");
  for (std::size_t i = kRows; i < kRows + 50; ++i) {
    CHECK(index.search(one(rows[i]), {.top_k = 1})[0][0].id == id_of(i));
  }
  CHECK(index.search(one(rows[7]), {.top_k = 1})[0][0].id != id_of(7));
  CHECK(index.search(one(rows[8]), {.top_k = 1})[0][0].id == id_of(8));
}

TEST_CASE("links are added when many rows have come, and made anew when linked rows have gone",
          "[hnsw]") {
  const testing::Scratch folder;
  const Embeddings rows = clustered_rows(2 * kRows, kDim, 4);
  make_linked(folder / "a.index", rows);
  IndexWriter writer(folder / "a.index", {});
  add_rows(writer, rows, kRows, 2 * kRows);
  writer.commit();
  CHECK(Index::open(folder / "a.index").graph()->rows == kRows);
  CHECK(writer.update_graph()->rows == 2 * kRows);
  writer.compact();  // rows keep their numbers
  CHECK(Index::open(folder / "a.index").graph()->rows == 2 * kRows);
  CHECK(recall(Index::open(folder / "a.index"), clustered_rows(100, kDim, 5)) > 0.97);
  writer.remove(id_of(0));
  writer.compact();  // every row has another number
  CHECK(!Index::open(folder / "a.index").graph());
  CHECK(Index::open(folder / "a.index").kind() == IndexKind::hnsw);
  CHECK(writer.update_graph()->rows == 2 * kRows - 1);
  CHECK(recall(Index::open(folder / "a.index"), clustered_rows(100, kDim, 6)) > 0.97);
}

TEST_CASE("an index that is exact again has no links", "[hnsw]") {
  const testing::Scratch folder;
  make_linked(folder / "a.index", clustered_rows(kRows, kDim, 7));
  IndexWriter(folder / "a.index", {.kind = IndexKind::exact}).commit();
  CHECK(Index::open(folder / "a.index").kind() == IndexKind::exact);
  CHECK(!Index::open(folder / "a.index").graph());
  CHECK(graph_in(folder / "a.index").empty());
}

TEST_CASE("few rows are not linked", "[hnsw]") {
  const testing::Scratch folder;
  IndexWriter writer(folder / "a.index", kLinked);
  add_rows(writer, clustered_rows(100, kDim, 8), 0, 100);
  CHECK(!writer.update_graph());
  CHECK(Index::open(folder / "a.index").kind() == IndexKind::hnsw);
}

TEST_CASE("what asks for every row, or for many, misses none", "[hnsw]") {
  const testing::Scratch folder;
  const Embeddings rows = clustered_rows(kRows, kDim, 9);
  make_linked(folder / "a.index", rows);
  const Index index = Index::open(folder / "a.index");
  CHECK(index.search(one(rows[0]), {.top_k = 0})[0].size() == kRows);
  CHECK(index.search(one(rows[0]), {.top_k = 2000})[0].size() == 2000);
  CHECK(index.search(one(rows[0]), {.filter = "1?.jpg"})[0].size() == 10);
  CHECK(index.search(one(rows[0]), {.top_k = 900})[0].size() == 900);
}

TEST_CASE("a program that ends the linking has its rows all the same", "[hnsw]") {
  const testing::Scratch folder;
  const Embeddings rows = clustered_rows(kRows, kDim, 10);
  IndexWriter writer(folder / "a.index", kLinked);
  add_rows(writer, rows, 0, kRows);
  const Error error = error_of(
      [&] { writer.update_graph([](std::uint64_t done, std::uint64_t) { return done < 100; }); });
  CHECK(error.kind() == ErrorKind::cancelled);
  CHECK(Index::open(folder / "a.index").rows() == kRows);
  CHECK(!Index::open(folder / "a.index").graph());
  CHECK(writer.update_graph()->rows == kRows);
}

TEST_CASE("a reader has its links whatever a writer does", "[hnsw]") {
  const testing::Scratch folder;
  const Embeddings rows = clustered_rows(kRows, kDim, 11);
  make_linked(folder / "a.index", rows);
  const Index before = Index::open(folder / "a.index");
  IndexWriter(folder / "a.index", {.kind = IndexKind::exact}).commit();
  CHECK(recall(before, clustered_rows(50, kDim, 12)) > 0.97);
}

TEST_CASE("damaged links are an error that names what goes without, and are made again", "[hnsw]") {
  const testing::Scratch folder;
  const Embeddings rows = clustered_rows(kRows, kDim, 13);
  make_linked(folder / "a.index", rows);
  std::filesystem::resize_file(graph_in(folder / "a.index"), 1000);
  const Index index = Index::open(folder / "a.index");
  CHECK_THAT(error_of([&] { index.search(rows); }).what(),
             Contains("graph-") && Contains("search --exact goes without"));
  CHECK(index.search(one(rows[5]), {.exact = true})[0][0].id == id_of(5));
  CHECK_THAT(error_of([&] { index.verify(); }).what(), Contains("graph-"));
  IndexWriter(folder / "a.index", {}).update_graph();
  CHECK(recall(Index::open(folder / "a.index"), clustered_rows(50, kDim, 14)) > 0.97);
}

TEST_CASE("a search gets to every crowd of rows, however far it is from the others", "[hnsw]") {
  constexpr std::size_t kMany = 20'000;
  constexpr std::size_t kWide = 64;
  constexpr float kTight = 0.1f;
  const Embeddings rows = clustered_rows(kMany, kWide, 17, kTight);
  const std::vector<std::uint16_t> halves = to_float16(rows.values());
  Graph graph(kWide, [&](std::uint64_t row) { return halves.data() + row * kWide; });
  std::vector<std::uint64_t> numbers(kMany);
  std::iota(numbers.begin(), numbers.end(), 0);
  graph.add(numbers, 2, {});
  const Embeddings queries = clustered_rows(200, kWide, 18, kTight);
  const RemovedRows hidden(kMany);
  std::size_t there = 0;
  for (std::size_t i = 0; i < queries.rows(); ++i) {
    const std::vector<Candidate> found = graph.search(queries[i], 16, hidden);
    CHECK(found.size() == 16);
    there += static_cast<std::size_t>(
        std::ranges::all_of(found, [](const Candidate& row) { return row.score > 0.9f; }));
  }
  CHECK(there >= 198);
}

TEST_CASE("a graph without rows finds none, and one that keeps nothing in view the nearest",
          "[hnsw]") {
  const Embeddings rows = clustered_rows(40, kDim, 19);
  const std::vector<std::uint16_t> halves = to_float16(rows.values());
  Graph graph(kDim, [&](std::uint64_t row) { return halves.data() + row * kDim; });
  graph.add({}, 1, {});
  const RemovedRows hidden(40);
  CHECK(graph.search(rows[0], 16, hidden).empty());
  std::vector<std::uint64_t> numbers(40);
  std::iota(numbers.begin(), numbers.end(), 0);
  graph.add(numbers, 1, {});
  CHECK(graph.search(rows[7], 0, hidden).size() == 1);
}

TEST_CASE("no change of a graph's bytes leads a search astray", "[hnsw]") {
  constexpr std::size_t kFew = 300;
  const Embeddings rows = clustered_rows(kFew, kDim, 15);
  const std::vector<std::uint16_t> halves = to_float16(rows.values());
  const auto row_at = [&](std::uint64_t row) { return halves.data() + row * kDim; };
  Graph graph(kDim, row_at);
  std::vector<std::uint64_t> numbers(kFew);
  std::iota(numbers.begin(), numbers.end(), 0);
  graph.add(numbers, 2, {});
  std::vector<std::byte> bytes;
  graph.write([&](std::span<const std::byte> some) {
    bytes.insert(bytes.end(), some.begin(), some.end());
  });
  std::mt19937 random(16);
  const RemovedRows hidden(kFew);
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::byte> changed = bytes;
    // The head and the levels more often than they are of the file.
    const std::size_t end = round % 3 == 0 ? 40 + 2 * kFew : changed.size();
    for (int i = 0; i < 1 + round % 3; ++i) changed[random() % end] = std::byte(random() & 0xff);
    if (round % 10 == 0) changed.resize(random() % changed.size());
    try {
      const Graph read = Graph::view(changed, kDim, kFew, row_at);
      for (const Candidate& found : read.search(rows[round % kFew], 32, hidden)) {
        REQUIRE(found.row < kFew);
      }
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::unreadable_input);
      ++refused;
    }
  }
  CHECK(refused > 1000);
}
