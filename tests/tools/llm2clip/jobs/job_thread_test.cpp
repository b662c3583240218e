#include "jobs/job_thread.h"

#include <sys/resource.h>

#include <fstream>
#include <latch>
#include <memory>
#include <stdexcept>

#include "jobs/image_batches.h"
#include "jobs/results.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/scratch.h"

namespace llm2clip::cli {
namespace {

using Catch::Matchers::Contains;
using testing::error_of;
using testing::Scratch;

TEST_CASE("a thread that ends is joined, and tells what it ended with", "[tools][job_thread]") {
  {
    const JobThread thread([] {});
  }
  CHECK_FALSE(any_thread_left);
  JobThread failing([] { throw std::runtime_error("why"); });
  CHECK_THROWS_WITH(failing.rethrow(), "why");
}

TEST_CASE("a thread that does not end is left with what it owns", "[tools][job_thread]") {
  // In reach of the thread for as long as it runs, which is longer than this test's scopes.
  struct Shared {
    std::latch go_on{1};
    std::latch ended{1};
  };
  static Shared shared;
  auto owned = std::make_shared<int>(7);
  const std::weak_ptr<int> seen = owned;
  {
    const JobThread thread([mine = std::move(owned)] {
      shared.go_on.wait();
      if (*mine == 7) shared.ended.count_down();
    });
  }
  CHECK(any_thread_left);
  CHECK_FALSE(seen.expired());
  shared.go_on.count_down();
  shared.ended.wait();
  while (!seen.expired()) std::this_thread::yield();
  any_thread_left = false;
}

#if !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)  // which need memory of their own

// Room for a few stacks while it lives.
class LittleMemory {
 public:
  LittleMemory() {
    ::getrlimit(RLIMIT_AS, &before_);
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const struct rlimit tight{pages * 4096 + (std::size_t{40} << 20), before_.rlim_max};
    ::setrlimit(RLIMIT_AS, &tight);
  }
  ~LittleMemory() { ::setrlimit(RLIMIT_AS, &before_); }

 private:
  struct rlimit before_{};
};

TEST_CASE("a thread that cannot be made is told as such, and those before it are stopped",
          "[tools][job_thread]") {
  const Scratch folder;
  ImageFlags flags;
  flags.paths = {(folder / "none.png").string()};
  OutputFlags output;
  output.path = (folder / "x.npy").string();
  const auto results = std::make_shared<Results>(output, JobFlags(), Results::Provenance(),
                                                 Results::Provenance(), 4);
  const auto source = std::make_shared<ImageSource>(flags);
  constexpr std::size_t kTooMany = 200;  // stacks of 8 MB
  const Error error = error_of([&] {
    const LittleMemory little;
    ImageBatches(source, {.image_size = 16}, 4, kTooMany, 1 << 20, results);
  });
  CHECK(error.kind() == ErrorKind::unavailable);
  CHECK_THAT(error.what(),
             Contains("threads: the system makes no more of them") && Contains("--threads"));
  CHECK_FALSE(any_thread_left);
  CHECK(results.use_count() == 1);
}

#endif

}  // namespace
}  // namespace llm2clip::cli
