#include <filesystem>
#include <fstream>

#include "index_rows.h"
#include "llm2clip/index.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/scratch.h"

using namespace llm2clip;
using Catch::Matchers::Contains;
using testing::error_of;
using testing::id_of;
using testing::random_rows;

namespace {

constexpr std::size_t kDim = 16;
const IndexOptions kOptions = {.dim = kDim};

Thumbnail thumbnail_of(std::size_t number) {
  return {.width = static_cast<int>(number) + 1,
          .height = 7,
          .jpeg = std::vector<std::uint8_t>(number + 3, static_cast<std::uint8_t>(number))};
}

void check_thumbnail(const Index& index, std::size_t number) {
  const auto row = index.find(id_of(number));
  REQUIRE(row);
  const std::optional<Thumbnail> kept = index.thumbnail(*row);
  REQUIRE(kept);
  CHECK(kept->width == thumbnail_of(number).width);
  CHECK(kept->height == 7);
  CHECK(kept->jpeg == thumbnail_of(number).jpeg);
}

std::size_t bytes_of_thumbnails(const std::filesystem::path& folder) {
  std::size_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with("thumbnails-")) bytes += entry.file_size();
  }
  return bytes;
}

}  // namespace

TEST_CASE("thumbnails stay with their rows, and go with them", "[index][thumbnails]") {
  const testing::Scratch folder;
  const Embeddings rows = random_rows(30, kDim, 1);
  IndexWriter writer(folder / "a.index", kOptions);
  for (std::size_t i = 0; i < 20; ++i) writer.add(id_of(i), rows[i], thumbnail_of(i));
  writer.commit();
  for (std::size_t i = 20; i < 30; ++i) writer.add(id_of(i), rows[i]);  // without
  writer.remove(id_of(3));
  writer.commit();
  const Index before = Index::open(folder / "a.index");
  for (const std::size_t i : {0, 19}) check_thumbnail(before, i);
  CHECK(!before.thumbnail(*before.find(id_of(25))));
  CHECK(!before.thumbnail(3));  // removed
  CHECK(error_of([&] { before.thumbnail(30); }).kind() == ErrorKind::invalid_argument);

  const std::size_t bytes = bytes_of_thumbnails(folder / "a.index");
  for (std::size_t i = 4; i < 20; ++i) writer.remove(id_of(i));
  writer.compact();
  const Index after = Index::open(folder / "a.index");
  for (std::size_t i = 0; i < 3; ++i) check_thumbnail(after, i);
  CHECK(!after.thumbnail(*after.find(id_of(25))));
  CHECK(bytes_of_thumbnails(folder / "a.index") < bytes);
  after.verify();
  check_thumbnail(before, 19);  // its file has lost its name
}

TEST_CASE("a row that gets a thumbnail has it", "[index][thumbnails]") {
  const testing::Scratch folder;
  const Embeddings rows = random_rows(3, kDim, 2);
  IndexWriter writer(folder / "a.index", kOptions);
  writer.add(id_of(0), rows[0]);
  writer.commit();
  writer.add(id_of(0), rows[0], thumbnail_of(0));
  writer.commit();
  check_thumbnail(Index::open(folder / "a.index"), 0);
  CHECK(writer.summary().replaced == 1);
  writer.add(id_of(0), rows[0], thumbnail_of(0));  // has it
  writer.add(id_of(0), rows[0]);                   // and keeps it
  CHECK(writer.summary().unchanged == 2);
}

TEST_CASE("an index that keeps thumbnails goes on to, and asks for those that are missing",
          "[index][thumbnails]") {
  const testing::Scratch folder;
  const Embeddings rows = random_rows(3, kDim, 3);
  {
    IndexWriter writer(folder / "a.index", kOptions);
    CHECK(writer.thumbnail_side() == 0);
    writer.add(*writer.take("a", "10"), rows[0]);
    writer.commit();
    CHECK(!writer.take("a", "10"));
  }
  {
    IndexWriter writer(folder / "a.index", {.dim = kDim, .thumbnail_side = 128});
    const auto again = writer.take("a", "10");
    REQUIRE(again);
    writer.add(*again, rows[0], thumbnail_of(0));
    CHECK(!writer.take("a", "10"));
    writer.commit();
  }
  const IndexWriter writer(folder / "a.index", {});
  CHECK(writer.thumbnail_side() == 128);
}

TEST_CASE("a damaged thumbnail is found out", "[index][thumbnails]") {
  const testing::Scratch folder;
  IndexWriter writer(folder / "a.index", kOptions);
  writer.add("a", random_rows(1, kDim, 4)[0], thumbnail_of(5));
  writer.commit();
  const std::string bytes = testing::content_of(folder / "a.index" / "thumbnails-1");
  const auto damage = [&](std::size_t at) {
    std::string damaged = bytes;
    damaged[at] = '\x7f';
    folder.write("a.index/thumbnails-1", damaged);
  };
  damage(bytes.size() - 1);
  CHECK_THAT(error_of([&] { Index::open(folder / "a.index").verify(); }).what(),
             Contains("thumbnails-1 is damaged"));
  for (const std::size_t at : {7, 15, 19}) {  // where it begins, its length, its width
    damage(at);
    CHECK_THAT(error_of([&] { Index::open(folder / "a.index").thumbnail(0); }).what(),
               Contains("thumbnails-1 is damaged"));
  }
}
