#include "encoder/cpu/optimize_choice.h"

#include "support/catch.h"

using namespace llm2clip;
using Catch::Matchers::Contains;

namespace {

constexpr std::uint64_t kGigabyte = std::uint64_t{1} << 30;
constexpr std::uint64_t k8B = 15 * kGigabyte;

Choice choose(const Work& work) { return choose_optimized(Optimize::automatic, "cpu", work); }

}  // namespace

TEST_CASE("one query on an 8B tower is not worth laying out its weights, 10000 rows are",
          "[encoder][optimize]") {
  const auto choice_for = [](std::uint64_t inputs) {
    return choose({.weight_bytes = k8B, .expected_inputs = inputs, .free_bytes = 64 * kGigabyte});
  };
  CHECK(choice_for(1).how == Optimized::in_place);
  CHECK(choice_for(10000).how == Optimized::prepacked);
  CHECK(choice_for(0).how == Optimized::in_place);
}

TEST_CASE("small weights are always laid out, and medium ones unless the inputs are few",
          "[encoder][optimize]") {
  const auto choice_for = [](std::uint64_t bytes, std::uint64_t inputs) {
    return choose({.weight_bytes = bytes, .expected_inputs = inputs, .free_bytes = 64 * kGigabyte});
  };
  CHECK(choice_for(kGigabyte / 6, 1).how == Optimized::prepacked);
  CHECK(choice_for(2 * kGigabyte, 0).how == Optimized::prepacked);
  CHECK(choice_for(2 * kGigabyte, 1).how == Optimized::in_place);
}

TEST_CASE("weights that do not fit twice stay where they are, and the reason is told",
          "[encoder][optimize]") {
  const Choice choice =
      choose({.weight_bytes = k8B, .expected_inputs = 10000, .free_bytes = 8 * kGigabyte});
  CHECK(choice.how == Optimized::in_place);
  CHECK_THAT(choice.why, Contains("8192 MB") && Contains("15360 MB"));
}

TEST_CASE(
    "a small model is laid out where little memory is free, and in place where next to none is",
    "[encoder][optimize]") {
  constexpr std::uint64_t kMegabyte = 1 << 20;
  const auto choice_for = [](std::uint64_t free) {
    return choose({.weight_bytes = 3 * kMegabyte, .expected_inputs = 1, .free_bytes = free});
  };
  CHECK(choice_for(100 * kMegabyte).how == Optimized::prepacked);
  CHECK(choice_for(10 * kMegabyte).how == Optimized::in_place);
}

TEST_CASE("what was asked for is done, and other devices are left alone", "[encoder][optimize]") {
  const Work huge{.weight_bytes = k8B, .expected_inputs = 1, .free_bytes = 0};
  CHECK(choose_optimized(Optimize::always, "cpu", huge).how == Optimized::prepacked);
  CHECK(choose_optimized(Optimize::never, "cpu", {}).how == Optimized::none);
  CHECK(choose_optimized(Optimize::always, "cuda:0", huge).how == Optimized::none);
}
