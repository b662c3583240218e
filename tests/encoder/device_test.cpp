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

namespace {

constexpr ProcessorProducts kPlain{ProductSpeed::none, ProductSpeed::none};       // AVX2
constexpr ProcessorProducts kEmulating{ProductSpeed::slow, ProductSpeed::none};   // AVX-512 of 2017
constexpr ProcessorProducts kBFloat16{ProductSpeed::native, ProductSpeed::none};  // Zen 4
constexpr ProcessorProducts kConverting{ProductSpeed::native, ProductSpeed::slow};  // AVX512_FP16
constexpr ProcessorProducts kBoth{ProductSpeed::native, ProductSpeed::native};      // AMX of 2024

std::string automatic(const char* stored, const ProcessorProducts& products) {
  return choose_precision("auto", stored, "cpu", products).precision;
}

}  // namespace

TEST_CASE("auto computes in what is stored where that is fast, else in float32",
          "[encoder][device]") {
  for (const auto& products : {kPlain, kEmulating, kBFloat16, kConverting, kBoth}) {
    CHECK(automatic("float32", products) == "float32");
  }
  CHECK(automatic("bfloat16", kPlain) == "float32");
  CHECK(automatic("bfloat16", kEmulating) == "float32");
  CHECK(automatic("bfloat16", kBFloat16) == "bfloat16");
  CHECK(automatic("float16", kBFloat16) == "float32");
  CHECK(automatic("float16", kConverting) == "float32");
  CHECK(automatic("float16", kBoth) == "float16");
  for (const char* stored : {"float32", "bfloat16", "float16"}) {
    CHECK(choose_precision("auto", stored, "cuda:0", kPlain).precision == stored);
  }
}

TEST_CASE("the choice says why, and whether it is slow here", "[encoder][device]") {
  const PrecisionChoice widened = choose_precision("auto", "bfloat16", "cpu", kPlain);
  CHECK(widened.why == "this processor multiplies bfloat16 slowly");
  CHECK_FALSE(widened.slow);
  const PrecisionChoice stored = choose_precision("auto", "bfloat16", "cpu", kBFloat16);
  CHECK(stored.why == "as stored; this processor multiplies it fast");
  CHECK_FALSE(stored.slow);
  CHECK(choose_precision("auto", "float32", "cpu", kPlain).why == "as stored");
}

TEST_CASE("a named precision is taken where it can be, and told to be slow", "[encoder][device]") {
  CHECK(choose_precision("float32", "bfloat16", "cpu", kPlain).precision == "float32");
  for (const auto& products : {kPlain, kEmulating}) {
    const PrecisionChoice slow = choose_precision("bfloat16", "float32", "cpu", products);
    CHECK(slow.precision == "bfloat16");
    CHECK(slow.slow);
    CHECK(slow.why == "as asked; this processor multiplies bfloat16 slowly");
  }
  CHECK_FALSE(choose_precision("bfloat16", "float32", "cpu", kBFloat16).slow);
  CHECK(choose_precision("float16", "float32", "cpu", kConverting).slow);
  CHECK_FALSE(choose_precision("float16", "float32", "cpu", kBoth).slow);
  CHECK_FALSE(choose_precision("float16", "float32", "cuda:0", kPlain).slow);
  CHECK(error_of([] { choose_precision("float16", "float16", "cpu", kBFloat16); }).kind() ==
        ErrorKind::unavailable);
}

TEST_CASE("a copy that does not fit leaves bfloat16 as it is stored, and says so",
          "[encoder][device]") {
  const PrecisionChoice widened = choose_precision("auto", "bfloat16", "cpu", kPlain);
  const PrecisionChoice kept = without_copy(widened, "bfloat16", 30'019'000'000);
  CHECK(kept.precision == "bfloat16");
  CHECK(kept.slow);
  CHECK(kept.why ==
        "this processor multiplies bfloat16 slowly, but memory does not suffice for a copy "
        "of 30019 MB in float32");
  // Nothing was to be copied, or a CPU may not have it at all.
  const PrecisionChoice stored = choose_precision("auto", "bfloat16", "cpu", kBFloat16);
  CHECK(without_copy(stored, "bfloat16", 1).why == stored.why);
  CHECK(without_copy({"float32", "slow", false}, "float16", 1).precision == "float32");
}
