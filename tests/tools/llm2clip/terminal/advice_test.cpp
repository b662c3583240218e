#include "terminal/advice.h"

#include "support/catch.h"

using llm2clip::cli::advice_in_flags;

TEST_CASE("advice of the library is given in flags", "[tool][advice]") {
  CHECK(advice_in_flags("a.png: has 9 pixels, limit 4; raise max_pixels if you trust the file") ==
        "a.png: has 9 pixels, limit 4; raise --max-pixels if you trust the file");
  CHECK(
      advice_in_flags("x.npy.run: an unfinished run is there; resume or overwrite it") ==
      "x.npy.run: an unfinished run is there; go on with --resume, or start anew with --overwrite");
  CHECK(advice_in_flags("x.npy: exists; give another name, or overwrite it") ==
        "x.npy: exists; give another name, or replace it with --overwrite");
  CHECK(advice_in_flags("x.npy.run: its chunks end at input 3 of 9; resume the run") ==
        "x.npy.run: its chunks end at input 3 of 9; go on with --resume");
}

TEST_CASE("what is no advice stays as it is, names of files as well", "[tool][advice]") {
  for (const char* message :
       {"max_pixels.png: cannot be opened", "overwrite it: is a folder; give a file",
        "labels: none; give --label, --labels FILE or --load-labels BANK", ""}) {
    CHECK(advice_in_flags(message) == message);
  }
}
