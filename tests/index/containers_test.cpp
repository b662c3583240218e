#include <optional>
#include <string>
#include <vector>

#include "index_rows.h"
#include "llm2clip/index.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/scratch.h"

using namespace llm2clip;
using Catch::Matchers::Contains;
using testing::error_of;
using testing::ids_in;
using testing::random_rows;

namespace {

constexpr std::size_t kDim = 16;
using Ids = std::vector<std::string>;

// An index whose writer reads films of two frames.
struct Films {
  testing::Scratch folder;
  Embeddings rows = random_rows(2, kDim, 1);
  std::optional<IndexWriter> writer = std::nullopt;

  void open(int thumbnail_side = 0) {
    writer.reset();
    writer.emplace(folder / "a.index", IndexOptions{.dim = kDim, .thumbnail_side = thumbnail_side});
  }
  bool knows(const std::string& film, const std::string& stamp = "1") {
    return writer->take_container(film, "10", stamp);
  }
  void read(const std::string& film, const std::string& stamp = "1", bool fails = false) {
    for (const std::size_t frame : {0, 1}) {
      const auto input = writer->take(film + "#t=" + std::to_string(frame), "10", stamp);
      if (!input) continue;
      if (fails && frame == 0) {
        writer->fail(*input);
      } else {
        writer->add(*input, rows[frame]);
      }
    }
    writer->end_container(film, "10", stamp, 2);
  }
  Ids ids() const { return ids_in(Index::open(folder / "a.index")); }
};

}  // namespace

TEST_CASE("a container that is unchanged need not be read again", "[index][containers]") {
  Films films;
  films.open();
  CHECK(!films.knows("x/a.mp4"));
  films.read("x/a.mp4");
  films.read("x/b.mp4");
  films.writer->commit();

  films.open();
  CHECK(films.knows("x/a.mp4"));
  CHECK(films.writer->summary().unchanged == 2);
  CHECK(!films.knows("x/b.mp4", "2"));
  films.read("x/b.mp4", "2");
  // What the one that was not read holds is listed with it.
  CHECK(films.writer->remove_unlisted([](std::string_view) { return true; }) == 0);
  films.writer->commit();
  Index::open(films.folder / "a.index").verify();

  films.open();
  CHECK(films.knows("x/b.mp4", "2"));
  CHECK(films.writer->remove_unlisted([](std::string_view) { return true; }) == 2);
  films.writer->commit();
  CHECK(films.ids() == Ids{"x/b.mp4#t=0", "x/b.mp4#t=1"});
  CHECK(!films.knows("x/a.mp4"));  // which came back
}

TEST_CASE("a container is remembered once all of its inputs have rows", "[index][containers]") {
  Films films;
  films.open();
  films.read("a.mp4", "1", /*fails=*/true);
  const auto first = films.writer->take("b.mp4#t=0", "10", "1");
  const auto second = films.writer->take("b.mp4#t=1", "10", "1");
  films.writer->end_container("b.mp4", "10", "1", 2);
  films.writer->add(*first, films.rows[0]);
  films.writer->commit();  // the second is under way
  films.open();
  CHECK(!films.knows("a.mp4"));
  CHECK(!films.knows("b.mp4"));
  films.read("b.mp4");
  films.writer->commit();
  CHECK(films.knows("b.mp4"));
  CHECK(films.writer->remove("b.mp4#t=1"));
  CHECK(!films.knows("b.mp4"));
  CHECK(second);
}

TEST_CASE("a container without thumbnails is read again for them", "[index][containers]") {
  Films films;
  films.open();
  films.read("a.mp4");
  films.writer->commit();
  films.open(/*thumbnail_side=*/256);
  CHECK(!films.knows("a.mp4"));
}

TEST_CASE("a damaged list of containers is refused", "[index][containers]") {
  Films films;
  films.open();
  films.read("a.mp4");
  films.writer->commit();
  std::string bytes = testing::content_of(films.folder / "a.index" / "containers-1");
  bytes[0] = '\x7f';  // the length of a name
  films.folder.write("a.index/containers-1", bytes);
  CHECK_THAT(error_of([&] { films.open(); }).what(), Contains("containers-1 is damaged"));
}
