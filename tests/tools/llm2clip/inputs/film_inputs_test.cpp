#include "inputs/film_inputs.h"

#include "support/catch.h"

namespace llm2clip::cli {
namespace {

TEST_CASE("films are known by their endings", "[tools][film_inputs]") {
  for (const char* name : {"a.mp4", "A.MOV", "x/y.mkv", "b.c.webm", "\xff.Avi"})
    CHECK(has_film_ending(name));
  for (const char* name : {"", "mp4", ".mp4", "a.mp4/b", "a.mp3", "a.mp4 ", "a.png"}) {
    INFO(name);
    CHECK_FALSE(has_film_ending(name));
  }
}

TEST_CASE("the id of a frame has one to three decimals of a second", "[tools][film_inputs]") {
  CHECK(frame_id("a.mp4", 0) == "a.mp4#t=0.0");
  CHECK(frame_id("a.mp4", 12) == "a.mp4#t=12.0");
  CHECK(frame_id("a.mp4", 0.5) == "a.mp4#t=0.5");
  CHECK(frame_id("a.mp4", 1.0 / 3) == "a.mp4#t=0.333");
  CHECK(frame_id("a.mp4", 100.0 / 3) == "a.mp4#t=33.333");
  CHECK(frame_id("#.mp4", 3600.25) == "#.mp4#t=3600.25");
}

}  // namespace
}  // namespace llm2clip::cli
