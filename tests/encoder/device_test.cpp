#include "encoder/device.h"

#include "llm2clip/error.h"
#include "support/catch.h"
#include "support/error.h"

using namespace llm2clip;
using llm2clip::testing::error_of;

TEST_CASE("resolve_device knows its four spellings and no other", "[encoder][device]") {
  CHECK(resolve_device("cpu") == "cpu");
  CHECK_FALSE(resolve_device("auto").empty());
  for (const char* name : {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "CPU"}) {
    CHECK(error_of([&] { resolve_device(name); }).kind() == ErrorKind::invalid_argument);
  }
}

TEST_CASE("resolve_device refuses a CUDA device that is not there", "[encoder][device]") {
  const Error error = error_of([] { resolve_device("cuda:99"); });
  CHECK(error.kind() == ErrorKind::unavailable);
  CHECK_THAT(error.what(), Catch::Matchers::Contains("cuda:99"));
}

TEST_CASE("resolve_precision never computes float16 on a CPU", "[encoder][device]") {
  CHECK(resolve_precision("auto", "float16", "cpu") == "float32");
  CHECK(resolve_precision("auto", "bfloat16", "cpu") == "bfloat16");
  CHECK(resolve_precision("auto", "float16", "cuda:0") == "float16");
  CHECK(resolve_precision("float32", "bfloat16", "cpu") == "float32");
  CHECK(error_of([] { resolve_precision("float16", "float32", "cpu"); }).kind() ==
        ErrorKind::unavailable);
}
