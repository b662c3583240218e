#include "model/memory_plan.h"

#include "llm2clip/log.h"
#include "support/catch.h"
#include "support/error.h"

namespace llm2clip {
namespace {

using testing::error_of;

// The warnings of one call.
template <typename Call>
std::string warnings_of(Call&& call) {
  std::string warnings;
  set_log_callback([&](LogLevel, std::string_view message) { warnings += message; },
                   LogLevel::warning);
  call();
  set_log_callback({});
  return warnings;
}

FreeMemory memory(std::uint64_t likely, std::uint64_t most) {
  return {.memory = {{"control group /a", likely, most}}, .addresses = {}};
}

const MemoryPlan kPlan = {
    .files = 9'000'000'000, .mapped = 9'000'000'000, .copied = 2'000'000, .activations = 3'000'000};

TEST_CASE("a plan that fits is not spoken of", "[memory_plan]") {
  CHECK(warnings_of([] { check_memory_plan("m", kPlan, memory(5'000'000, 5'000'000)); }).empty());
  CHECK(warnings_of([] { check_memory_plan("m", kPlan, {}); }).empty());
}

TEST_CASE("what is not free now is warned of, and what cannot be had is refused", "[memory_plan]") {
  CHECK(warnings_of([] { check_memory_plan("m", kPlan, memory(4'999'999, 5'000'000)); }) ==
        "m: needs 2 MB for copies of weights, about 3 MB for activations; 4 MB are free (control "
        "group /a); the system may swap or end the process: use smaller batches or the stored "
        "precision");
  CHECK_NOTHROW(check_memory_plan("m", kPlan, memory(0, 2'000'000)));
  const Error error = error_of([] { check_memory_plan("m", kPlan, memory(0, 1'999'999)); });
  CHECK(error.kind() == ErrorKind::out_of_memory);
  CHECK(std::string(error.what()) ==
        "m: needs 2 MB for copies of weights; no more than 1 MB can be had (control group /a); use "
        "the stored precision, or a machine with more memory");
}

TEST_CASE("an estimate of activations alone refuses nothing", "[memory_plan]") {
  const MemoryPlan plan = {.files = 0, .mapped = 0, .copied = 0, .activations = 9'000'000};
  CHECK_FALSE(warnings_of([&] { check_memory_plan("m", plan, memory(0, 0)); }).empty());
}

TEST_CASE("files need addresses where these are limited", "[memory_plan]") {
  const FreeMemory free = {.memory = {},
                           .addresses = {{"RLIMIT_AS", 9'001'999'999, 9'001'999'999}}};
  const Error error = error_of([&] { check_memory_plan("m", kPlan, free); });
  CHECK(error.kind() == ErrorKind::out_of_memory);
  CHECK(std::string(error.what()) ==
        "m: needs 9002 MB of addresses; RLIMIT_AS leaves 9001 MB; raise it with ulimit");
}

}  // namespace
}  // namespace llm2clip
