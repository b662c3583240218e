#include "embed/bounded_queue.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "support/catch.h"

namespace llm2clip {
namespace {

TEST_CASE("items come out in the order they went in, each once", "[embed][bounded_queue]") {
  BoundedQueue<std::unique_ptr<int>> queue(3, 1000);
  std::thread producer([&] {
    for (int i = 0; i < 2000; ++i) queue.push(std::make_unique<int>(i), 1);
    queue.close();
  });
  std::vector<int> taken;
  while (const auto item = queue.pop()) taken.push_back(**item);
  producer.join();
  REQUIRE(taken.size() == 2000);
  for (int i = 0; i < 2000; ++i) CHECK(taken[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("producers together never put in more than fits", "[embed][bounded_queue]") {
  std::atomic<int> inside = 0;  // of the queue, and one that was just taken out
  std::atomic<int> most = 0;
  BoundedQueue<int> queue(100, 40);  // four items of ten bytes
  constexpr int kProducers = 3, kItems = 300;
  std::vector<std::thread> producers;
  std::atomic<int> working = kProducers;
  for (int producer = 0; producer < kProducers; ++producer) {
    producers.emplace_back([&] {
      for (int i = 0; i < kItems; ++i) {
        queue.push(i, 10);
        const int now = ++inside;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
      }
      if (--working == 0) queue.close();
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // they would put in everything
  int taken = 0;
  while (queue.pop()) ++taken, --inside;
  for (std::thread& producer : producers) producer.join();
  CHECK(taken == kProducers * kItems);
  CHECK(most <= 5);
}

TEST_CASE("an item larger than the queue goes through alone", "[embed][bounded_queue]") {
  BoundedQueue<int> queue(2, 10);
  CHECK(queue.push(1, 100));
  std::thread producer([&] { queue.push(2, 1); });
  CHECK(queue.pop() == 1);
  CHECK(queue.pop() == 2);
  producer.join();
}

TEST_CASE("whoever waits is let go when the other side ends", "[embed][bounded_queue]") {
  BoundedQueue<int> queue(1, 10);
  CHECK(queue.push(1, 1));
  std::atomic<bool> taken_back = false;
  std::thread producer([&] { taken_back = !queue.push(2, 1); });
  queue.cancel();
  producer.join();
  CHECK(taken_back);
  CHECK_FALSE(queue.pop().has_value());
  CHECK_FALSE(queue.push(3, 1));
}

TEST_CASE("what is in a closed queue can still be taken", "[embed][bounded_queue]") {
  BoundedQueue<int> queue(2, 10);
  CHECK(queue.push(1, 1));
  queue.close();
  CHECK(queue.pop() == 1);
  CHECK_FALSE(queue.pop().has_value());
}

TEST_CASE("a consumer that is told to stop takes nothing more", "[embed][bounded_queue]") {
  BoundedQueue<int> queue(2, 10);
  CHECK(queue.push(1, 1));
  CHECK_FALSE(queue.pop([] { return true; }).has_value());
  CHECK(queue.pop() == 1);
}

}  // namespace
}  // namespace llm2clip
