#include "inputs/input_place.h"

#include "support/catch.h"

namespace llm2clip::cli {
namespace {

TEST_CASE("the id of a frame leads to its film and second", "[tools][input_place]") {
  CHECK(place_of("a/b.mp4#t=12.5").file == "a/b.mp4");
  CHECK(place_of("a/b.mp4#t=12.5").seconds == 12.5);
  CHECK(place_of("#t=1.mkv#t=0.0").file == "#t=1.mkv");
  for (const char* id : {"a.mp4", "a.png#t=1.0", "a.mp4#t=", "a.mp4#t=1.0x", "a.mp4#t=-1",
                         "a.mp4#t=1e300", "a.mp4#t=nan"}) {
    INFO(id);
    CHECK(place_of(id).file == id);
    CHECK_FALSE(place_of(id).seconds);
  }
}

TEST_CASE("the id of a member leads to its archive", "[tools][input_place]") {
  CHECK(place_of("x/a.tar/b/c.png").file == "x/a.tar");
  CHECK(place_of("x/a.tar/b/c.png").member == "b/c.png");
  CHECK(place_of("a.tar.gz/c.png").member == "c.png");
  CHECK(place_of("x/a.png").file == "x/a.png");
  CHECK(place_of("x/a.png").member.empty());
}

}  // namespace
}  // namespace llm2clip::cli
