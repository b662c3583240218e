#include "terminal/progress.h"

#include "support/catch.h"

using llm2clip::cli::rate_text;

TEST_CASE("a rate below ten has tenths, and is never shown as a tenth of itself",
          "[tools][progress]") {
  CHECK(rate_text(0) == "0.0");
  CHECK(rate_text(0.04) == "0.0");
  CHECK(rate_text(0.06) == "0.1");
  CHECK(rate_text(1) == "1.0");
  CHECK(rate_text(9.94) == "9.9");
  CHECK(rate_text(9.95) == "9.9");
  CHECK(rate_text(9.999) == "9.9");
  CHECK(rate_text(10) == "10");
  CHECK(rate_text(99.6) == "100");
}
