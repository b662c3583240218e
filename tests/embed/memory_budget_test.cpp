#include "embed/memory_budget.h"

#include <atomic>
#include <thread>
#include <vector>

#include "support/catch.h"

namespace llm2clip {
namespace {

TEST_CASE("threads together never hold more than there is", "[embed][memory_budget]") {
  constexpr std::uint64_t kAll = 100;
  MemoryBudget budget(kAll);
  std::atomic<std::uint64_t> held = 0;
  std::atomic<std::uint64_t> most = 0;
  std::atomic<int> done = 0;
  const auto work = [&](std::uint64_t bytes) {
    for (int i = 0; i < 500; ++i) {
      MemoryBudget::Share share(budget);
      share.grow(bytes);
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

TEST_CASE("who wants more than there is has it alone", "[embed][memory_budget]") {
  MemoryBudget budget(100);
  std::atomic<bool> small_has_it = false;
  std::thread small;
  {
    MemoryBudget::Share large(budget);
    large.grow(1'000'000);
    small = std::thread([&] {
      MemoryBudget::Share share(budget);
      share.grow(1);
      small_has_it = true;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    CHECK_FALSE(small_has_it);
  }
  small.join();
  CHECK(small_has_it);
}

TEST_CASE("a share that has its file waits for its pixels", "[embed][memory_budget]") {
  MemoryBudget budget(100);
  std::atomic<bool> grown = false;
  std::thread other;
  {
    MemoryBudget::Share first(budget);
    first.grow(60);
    other = std::thread([&] {
      MemoryBudget::Share share(budget);
      share.grow(10);
      share.grow(50);
      grown = true;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    CHECK_FALSE(grown);
  }
  other.join();
  CHECK(grown);
}

TEST_CASE("shares that all hold some and want more get on, one at a time",
          "[embed][memory_budget]") {
  MemoryBudget budget(100);
  std::atomic<int> growing = 0;
  std::atomic<int> most = 0;
  std::atomic<int> done = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 300; ++round) {
        MemoryBudget::Share share(budget);
        share.grow(20);
        share.grow(95);
        const int now = ++growing;
        for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
        }
        std::this_thread::yield();
        --growing;
        ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(done == 2400);
  CHECK(most == 1);
}

TEST_CASE("who takes nothing gives nothing back", "[embed][memory_budget]") {
  MemoryBudget budget(100);
  {
    const MemoryBudget::Share share(budget);
  }
  MemoryBudget::Share share(budget);
  share.grow(100);  // would wait for ever, if there were less; and more would be seen above
  SUCCEED();
}

}  // namespace
}  // namespace llm2clip
