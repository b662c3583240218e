#include "jobs/memory_budget.h"

#include <atomic>
#include <thread>
#include <vector>

#include "support/catch.h"

namespace llm2clip::cli {
namespace {

TEST_CASE("threads together never hold more than there is", "[tools][memory_budget]") {
  constexpr std::uint64_t kAll = 100;
  MemoryBudget budget(kAll);
  std::atomic<std::uint64_t> held = 0;
  std::atomic<std::uint64_t> most = 0;
  std::atomic<int> done = 0;
  const auto work = [&](std::uint64_t bytes) {
    for (int i = 0; i < 500; ++i) {
      MemoryBudget::Share share(budget);
      share.take(bytes);
      const std::uint64_t now = held += bytes;
      for (std::uint64_t seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
      }
      std::this_thread::yield();
      held -= bytes;
      ++done;
    }
  };
  std::vector<std::thread> threads;
  for (const std::uint64_t bytes : {10, 30, 40, 60, 70, 100}) threads.emplace_back(work, bytes);
  for (std::thread& thread : threads) thread.join();
  CHECK(done == 3000);
  CHECK(most <= kAll);
}

TEST_CASE("who wants more than there is has it alone", "[tools][memory_budget]") {
  MemoryBudget budget(100);
  std::atomic<bool> small_has_it = false;
  std::thread small;
  {
    MemoryBudget::Share large(budget);
    large.take(1'000'000);
    small = std::thread([&] {
      MemoryBudget::Share share(budget);
      share.take(1);
      small_has_it = true;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    CHECK_FALSE(small_has_it);
  }
  small.join();
  CHECK(small_has_it);
}

TEST_CASE("who takes nothing gives nothing back", "[tools][memory_budget]") {
  MemoryBudget budget(100);
  { const MemoryBudget::Share share(budget); }
  MemoryBudget::Share share(budget);
  share.take(100);  // would wait for ever, if there were less; and more would be seen above
  SUCCEED();
}

}  // namespace
}  // namespace llm2clip::cli
