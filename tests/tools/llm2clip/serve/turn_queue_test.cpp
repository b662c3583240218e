#include "serve/work/turn_queue.h"

#include <memory>
#include <string>

#include "support/catch.h"

using llm2clip::serve::TurnQueue;

namespace {

std::string joined(const std::vector<std::string>& batch) {
  std::string text;
  for (const std::string& input : batch) text += (text.empty() ? "" : " ") + input;
  return text;
}

}  // namespace

TEST_CASE("a batch is what fits the budget, of all lengths", "[serve]") {
  TurnQueue<std::string> queue;
  for (const char* text : {"a3", "b4", "c5", "d3"}) {
    queue.add(1, static_cast<std::size_t>(text[1] - '0'), text);
  }
  CHECK(joined(queue.take(7)) == "a3 b4");
  CHECK(joined(queue.take(7)) == "c5");
  CHECK(joined(queue.take(7)) == "d3");
  CHECK(queue.size() == 0);
  CHECK(queue.take(7).empty());
}

TEST_CASE("an input that is longer than the budget is a batch of its own", "[serve]") {
  TurnQueue<std::string> queue;
  queue.add(1, 100, "a");
  queue.add(1, 100, "b");
  CHECK(joined(queue.take(10)) == "a");
  CHECK(joined(queue.take(10)) == "b");
}

TEST_CASE("clients take turns within a batch", "[serve]") {
  TurnQueue<std::string> queue;
  for (const char* text : {"a1", "a2", "a3", "a4"}) queue.add(1, 1, text);
  queue.add(2, 1, "b1");
  queue.add(3, 1, "c1");
  CHECK(joined(queue.take(4)) == "a1 b1 c1 a2");
  CHECK(joined(queue.take(4)) == "a3 a4");
}

TEST_CASE("a client with many texts does not keep another's long one from its turn", "[serve]") {
  TurnQueue<std::string> queue;
  for (int i = 0; i < 1000; ++i) queue.add(1, 10 + static_cast<std::size_t>(i % 100), "many");
  queue.add(2, 500, "one");
  CHECK(joined(queue.take(10)) == "many");
  CHECK(joined(queue.take(10)) == "one");
}

TEST_CASE("a text that does not fit leaves its place to those of other clients", "[serve]") {
  TurnQueue<std::string> queue;
  queue.add(1, 3, "a3");
  queue.add(2, 9, "b9");
  queue.add(3, 4, "c4");
  CHECK(joined(queue.take(9)) == "a3 c4");
  CHECK(joined(queue.take(9)) == "b9");
}

TEST_CASE("what waits longest comes first of a client's texts", "[serve]") {
  TurnQueue<std::string> queue;
  queue.add(1, 9, "first");
  queue.add(1, 2, "second");
  queue.add(1, 9, "third");
  CHECK(joined(queue.take(9)) == "first");
  CHECK(joined(queue.take(9)) == "second");
  CHECK(joined(queue.take(9)) == "third");
}

TEST_CASE("everything that is put in comes out once", "[serve]") {
  TurnQueue<std::unique_ptr<int>> queue;
  std::vector<int> seen(5000, 0);
  for (int i = 0; i < 5000; ++i) {
    queue.add(static_cast<std::uint64_t>(i * 7 % 13), static_cast<std::size_t>(1 + i * 31 % 17),
              std::make_unique<int>(i));
  }
  std::size_t left = 5000;
  while (queue.size() > 0) {
    const auto batch = queue.take(40);
    REQUIRE(!batch.empty());
    left -= batch.size();
    CHECK(queue.size() == left);
    for (const auto& input : batch) ++seen[static_cast<std::size_t>(*input)];
  }
  CHECK(std::all_of(seen.begin(), seen.end(), [](int count) { return count == 1; }));
}
