#include "memory_plan.h"

#include "support/catch.h"
#include "support/error.h"

namespace llm2clip {
namespace {

using testing::error_of;

TEST_CASE("a plan that does not fit is refused with its numbers", "[memory_plan]") {
  const MemoryPlan plan = {.mapped = 9'000'000'000, .copied = 2'000'000, .activations = 3'000'000};
  CHECK_NOTHROW(check_memory_plan("m", plan, 5'000'000));
  CHECK_NOTHROW(check_memory_plan("m", plan, std::nullopt));
  const Error error = error_of([&] { check_memory_plan("m", plan, 4'999'999); });
  CHECK(error.kind() == ErrorKind::out_of_memory);
  CHECK(std::string(error.what()) ==
        "m: needs 2 MB for copies of weights, about 3 MB for activations; 4 MB are free; use the "
        "stored precision, or a machine with more memory");
}

TEST_CASE("this machine tells what is free", "[memory_plan]") {
  REQUIRE(free_memory().has_value());
  CHECK(*free_memory() > 1'000'000);
}

}  // namespace
}  // namespace llm2clip
