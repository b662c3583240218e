#include "embed/job_thread.h"

#include <sys/resource.h>

#include <fstream>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "embed/image_batches.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/scratch.h"

namespace llm2clip {
namespace {

using Catch::Matchers::Contains;
using testing::error_of;

TEST_CASE("a thread that ends is joined, and tells what it ended with", "[embed][job_thread]") {
  {
    const JobThread thread([] {}, [] { FAIL("it was left behind"); });
  }
  JobThread failing([] { throw std::runtime_error("why"); }, {});
  CHECK_THROWS_WITH(failing.rethrow(), "why");
}

TEST_CASE("a thread is waited for where it may not be left behind", "[embed][job_thread]") {
  bool ended = false;
  {
    const JobThread thread(
        [&] {
          std::this_thread::sleep_for(2 * JobThread::kMoment);
          ended = true;
        },
        {});
  }
  CHECK(ended);
}

TEST_CASE("a thread that does not end is left with what it owns", "[embed][job_thread]") {
  // In reach of the thread for as long as it runs, which is longer than this test's scopes.
  struct Shared {
    std::latch go_on{1};
    std::latch ended{1};
  };
  static Shared shared;
  auto owned = std::make_shared<int>(7);
  const std::weak_ptr<int> seen = owned;
  bool left = false;
  {
    const JobThread thread(
        [mine = std::move(owned)] {
          shared.go_on.wait();
          if (*mine == 7) shared.ended.count_down();
        },
        [&] { left = true; });
  }
  CHECK(left);
  CHECK_FALSE(seen.expired());
  shared.go_on.count_down();
  shared.ended.wait();
  while (!seen.expired()) std::this_thread::yield();
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
          "[embed][job_thread]") {
  const auto taken = std::make_shared<int>(0);
  const auto take = [taken](std::string_view, std::string_view,
                            std::string_view) -> std::optional<RunInput> { return std::nullopt; };
  const std::vector<std::string> paths = {"none.png"};
  EmbedOptions options;
  options.decoding_threads = 200;  // stacks of 8 MB
  const Error error = error_of([&] {
    const LittleMemory little;
    ImageBatches(paths, {.image_size = 16}, options, take, {});
  });
  CHECK(error.kind() == ErrorKind::unavailable);
  CHECK_THAT(error.what(), Contains("threads: the system makes no more of them"));
  CHECK(taken.use_count() == 2);  // ours, and that of `take`
}

#endif

}  // namespace
}  // namespace llm2clip
