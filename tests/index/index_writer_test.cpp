#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <thread>

#include "index_rows.h"
#include "llm2clip/index.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/scratch.h"

using namespace llm2clip;
using Catch::Matchers::Contains;
using testing::error_of;
using testing::id_of;
using testing::ids_in;
using testing::random_rows;

namespace {

constexpr std::size_t kDim = 16;
const IndexOptions kOptions = {.dim = kDim};
using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("rows become units in float16, and come back with their ids", "[index_writer]") {
  const testing::Scratch folder;
  const std::vector<float> row = {3, 4};
  IndexWriter writer(folder / "a.index", {.dim = 2});
  writer.add("a\nb \xff", row);
  writer.commit();
  const Index index = Index::open(folder / "a.index");
  CHECK(index.rows() == 1);
  CHECK(index.dim() == 2);
  CHECK(index.id(0) == "a\nb \xff");
  CHECK(index.row(0)[0] == Approx(0.6).epsilon(1e-3));
  CHECK(index.find("a\nb \xff") == 0);
  CHECK(!index.find("b"));
}

TEST_CASE("the rows of an index are a .npy file", "[index_writer]") {
  const testing::Scratch folder;
  IndexWriter writer(folder / "a.index", {.dim = 2});
  writer.add("a", std::vector<float>{1, 0});
  writer.commit();
  const std::string file = testing::content_of(folder / "a.index" / "rows-1.npy");
  CHECK(file.substr(1, 5) == "NUMPY");
  CHECK(file.find("'<f2', 'fortran_order': False, 'shape': (1, 2)") != file.npos);
}

TEST_CASE("an id has one row, the one that came last", "[index_writer]") {
  const testing::Scratch folder;
  const Embeddings rows = random_rows(4, kDim, 1);
  IndexWriter writer(folder / "a.index", kOptions);
  writer.add("a", rows[0]);
  writer.add("b", rows[1]);
  writer.commit();
  writer.add("a", rows[2]);  // of a commit before
  writer.add("c", rows[0]);
  writer.add("c", rows[3]);  // of the same
  writer.add("b", rows[1]);  // has it
  CHECK(writer.summary().added == 3);
  CHECK(writer.summary().replaced == 2);
  CHECK(writer.summary().unchanged == 1);
  CHECK(writer.summary().rows == 3);
  writer.commit();
  const Index index = Index::open(folder / "a.index");
  CHECK(index.rows() == 3);
  Embeddings query(1, kDim);
  std::ranges::copy(rows[3], query[0].begin());
  CHECK(index.search(query)[0][0].id == "c");
  CHECK(index.search(query)[0].size() == 3);
}

TEST_CASE("what was removed is gone, and the other rows are there", "[index_writer]") {
  const testing::Scratch folder;
  const Embeddings rows = random_rows(40, kDim, 2);
  IndexWriter writer(folder / "a.index", kOptions);
  for (std::size_t i = 0; i < 40; ++i) writer.add(id_of(i), rows[i]);
  CHECK(writer.remove(id_of(7)));
  writer.commit();
  CHECK(writer.remove(id_of(9)));
  CHECK(!writer.remove(id_of(9)));
  CHECK(!writer.remove("none"));
  writer.commit();
  Index index = Index::open(folder / "a.index");
  CHECK(index.rows() == 38);
  CHECK(!index.find(id_of(9)));
  CHECK(index.search(rows)[9][0].id != id_of(9));
  writer.compact();
  index = Index::open(folder / "a.index");
  CHECK(index.rows() == 38);
  CHECK(index.row_limit() == 38);
  CHECK(index.search(rows)[10][0].id == id_of(10));
}

TEST_CASE("a listing says what is new, changed, the same and gone", "[index_writer]") {
  const testing::Scratch folder;
  const Embeddings rows = random_rows(9, kDim, 3);
  {
    IndexWriter writer(folder / "a.index", kOptions);
    for (const char* id : {"x/a", "x/b", "x/c", "y/d"}) {
      const auto input = writer.take(id, "10", "12.5");
      REQUIRE(input);
      writer.add(*input, rows[0]);
    }
    writer.commit();
  }
  IndexWriter writer(folder / "a.index", kOptions);
  CHECK(!writer.take("x/a", "10", "12.5"));
  const auto larger = writer.take("x/b", "11", "12.5");
  REQUIRE(larger);
  CHECK(larger->index == 0);
  CHECK(!writer.take("x/b", "11", "12.5"));  // listed twice
  const auto fresh = writer.take("x/e", "10", "12.5");
  REQUIRE(fresh);
  CHECK(fresh->index == 1);
  writer.add(*larger, rows[1]);
  writer.fail(*fresh);
  CHECK(writer.remove_unlisted([](std::string_view id) { return id.starts_with("x/"); }) == 1);
  writer.commit();
  CHECK(ids_in(Index::open(folder / "a.index")) == Ids{"x/a", "y/d", "x/b"});

  // A changed input that can no longer be read has no row.
  const auto damaged = writer.take("x/a", "9", "13.5");
  REQUIRE(damaged);
  writer.fail(*damaged);
  writer.commit();
  CHECK(!Index::open(folder / "a.index").find("x/a"));
}

TEST_CASE("a reader has the index as it was when it was opened", "[index_writer]") {
  const testing::Scratch folder;
  const Embeddings rows = random_rows(60, kDim, 4);
  IndexWriter writer(folder / "a.index", kOptions);
  for (std::size_t i = 0; i < 20; ++i) writer.add(id_of(i), rows[i]);
  CHECK_THAT(error_of([&] { Index::open(folder / "a.index"); }).what(), Contains("is no index"));
  writer.commit();
  const Index before = Index::open(folder / "a.index");
  for (std::size_t i = 20; i < 60; ++i) writer.add(id_of(i), rows[i]);
  for (std::size_t i = 0; i < 15; ++i) writer.remove(id_of(i));
  CHECK(Index::open(folder / "a.index").rows() == 20);
  writer.commit();
  writer.compact();
  CHECK(before.rows() == 20);
  CHECK(before.search(rows)[3][0].id == id_of(3));
  CHECK(Index::open(folder / "a.index").rows() == 45);
}

TEST_CASE("many small commits end in few files", "[index_writer]") {
  const testing::Scratch folder;
  const Embeddings rows = random_rows(60, kDim, 5);
  IndexWriter writer(folder / "a.index", kOptions);
  for (std::size_t i = 0; i < 60; ++i) {
    writer.add(id_of(i), rows[i]);
    writer.commit();
  }
  const auto files = std::distance(std::filesystem::directory_iterator(folder / "a.index"),
                                   std::filesystem::directory_iterator());
  CHECK(files <= 2 * 17 + 3);
  const Index index = Index::open(folder / "a.index");
  for (std::size_t i = 0; i < 60; ++i) CHECK(index.id(i) == id_of(i));
}

TEST_CASE("any order of changes and commits gives what a map would hold", "[index_writer]") {
  std::mt19937 random(6);
  for (int round = 0; round < 6; ++round) {
    const testing::Scratch folder;
    const Embeddings rows = random_rows(64, kDim, static_cast<unsigned>(round));
    std::map<std::string, std::size_t> expected;
    std::optional<IndexWriter> writer(std::in_place, folder / "a.index", kOptions);
    for (int step = 0; step < 150; ++step) {
      const std::string id = id_of(random() % 40);
      const std::size_t row = random() % 64;
      switch (random() % 12) {
        case 0:
          writer->commit();
          break;
        case 1:
          writer->compact();
          break;
        case 2:
          writer->commit();
          writer.reset();
          writer.emplace(folder / "a.index", kOptions);
          break;
        case 3:
        case 4:
        case 5:
          CHECK(writer->remove(id) == (expected.erase(id) == 1));
          break;
        default:
          writer->add(id, rows[row]);
          expected[id] = row;
      }
    }
    writer->commit();
    const Index index = Index::open(folder / "a.index");
    index.verify();
    CHECK(index.rows() == expected.size());
    for (const auto& [id, row] : expected) {
      const auto at = index.find(id);
      REQUIRE(at);
      CHECK(index.row(*at)[0] == Approx(rows[row][0]).margin(1e-3));
    }
  }
}

TEST_CASE("two writers exclude each other", "[index_writer]") {
  const testing::Scratch folder;
  const IndexWriter writer(folder / "a.index", kOptions);
  CHECK_THAT(error_of([&] { IndexWriter(folder / "a.index", kOptions); }).what(),
             Contains("is being written by process"));
}

TEST_CASE("other rows than those that are there are refused", "[index_writer]") {
  const testing::Scratch folder;
  IndexWriter(folder / "a.index", {.dim = kDim, .provenance = {{"model", "one"}}}).commit();
  IndexWriter(folder / "a.index", {}).commit();  // whatever they are
  CHECK_THAT(error_of([&] {
               IndexWriter(folder / "a.index", {.dim = 8, .provenance = {{"model", "one"}}});
             }).what(),
             Contains("its rows have 16 components, the new ones have 8"));
  CHECK_THAT(error_of([&] {
               IndexWriter(folder / "a.index", {.dim = kDim, .provenance = {{"model", "two"}}});
             }).what(),
             Contains("its rows are others: model is one there and two here"));
}

TEST_CASE("an index is there from its first commit on, and without one leaves nothing",
          "[index_writer]") {
  const testing::Scratch folder;
  const auto is_there = [&] { return std::filesystem::exists(folder / "a.index"); };
  {
    IndexWriter writer(folder / "a.index", {.dim = 2});
    writer.add("a", std::vector<float>{1, 0});
  }
  CHECK(!is_there());
  CHECK(error_of([&] { IndexWriter(folder / "a.index", {}); }).kind() ==
        ErrorKind::invalid_argument);
  CHECK(!is_there());
  std::filesystem::create_directory(folder / "b.index");
  {
    IndexWriter writer(folder / "b.index", {.dim = 2});
  }
  CHECK(std::filesystem::exists(folder / "b.index"));  // it was there before
  IndexWriter(folder / "a.index", {.dim = 2}).commit();
  CHECK(Index::open(folder / "a.index").rows() == 0);
}

TEST_CASE("a folder that is somebody's is left alone", "[index_writer]") {
  const testing::Scratch folder;
  folder.write("photos/a.jpg", "x");
  CHECK_THAT(error_of([&] { IndexWriter(folder / "photos", kOptions); }).what(),
             Contains("is there and is no index") && Contains("a.jpg"));
  CHECK(std::distance(std::filesystem::directory_iterator(folder / "photos"),
                      std::filesystem::directory_iterator()) == 1);
  folder.write("file", "x");
  CHECK_THAT(error_of([&] { IndexWriter(folder / "file", kOptions); }).what(),
             Contains("is a file"));
}

TEST_CASE("rows that cannot be stored are refused by name", "[index_writer]") {
  const testing::Scratch folder;
  CHECK(error_of([&] { IndexWriter(folder / "b.index", {}); }).kind() ==
        ErrorKind::invalid_argument);
  IndexWriter writer(folder / "a.index", {.dim = 2});
  CHECK_THAT(error_of([&] { writer.add("a", std::vector<float>{1}); }).what(),
             Contains("row of 'a': has 1 components, the index has 2"));
  CHECK_THAT(error_of([&] { writer.add("a", std::vector<float>{0, 0}); }).what(),
             Contains("is all zeros"));
  CHECK_THAT(error_of([&] { writer.add("a", std::vector<float>{1, INFINITY}); }).what(),
             Contains("not finite"));
}

TEST_CASE("readers that come and go while a writer works see whole generations", "[index_writer]") {
  const testing::Scratch folder;
  const Embeddings rows = random_rows(64, kDim, 8);
  IndexWriter writer(folder / "a.index", kOptions);
  writer.commit();
  std::atomic<bool> done = false;
  std::atomic<int> opened = 0;
  std::jthread reader([&] {
    std::uint64_t least = 0;
    while (!done) {
      const Index index = Index::open(folder / "a.index");
      // A commit has ten rows more, or is a compaction of the same.
      if (index.rows() % 10 != 0 || index.rows() < least) opened = -1'000'000;
      least = index.rows();
      index.verify();
      ++opened;
    }
  });
  for (int step = 0; step < 30; ++step) {
    for (int i = 0; i < 10; ++i) writer.add(std::to_string(10 * step + i), rows[i]);
    writer.commit();
    if (step % 7 == 0) writer.compact();
  }
  done = true;
  reader.join();
  CHECK(opened > 0);
}
