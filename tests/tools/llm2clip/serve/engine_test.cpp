#include "serve/work/engine.h"

#include <future>
#include <limits>
#include <stdexcept>
#include <thread>

#include "serve/api/api_error.h"
#include "support/catch.h"

using namespace llm2clip;
using namespace llm2clip::serve;

namespace {

struct Outcome {
  Embeddings rows;
  int status = 200;
};

// What a request gets, as its connection would.
struct Asked {
  std::future<Outcome> outcome;
  std::shared_ptr<Client> client;
  std::shared_ptr<WantedRows> wanted;
};

Asked ask(std::size_t inputs, std::uint64_t id = 1) {
  const auto promise = std::make_shared<std::promise<Outcome>>();
  const auto done = [promise](const std::exception_ptr& failure, Embeddings rows, Durations) {
    Outcome outcome{std::move(rows)};
    try {
      if (failure) std::rethrow_exception(failure);
    } catch (const ApiError& error) {
      outcome.status = error.status;
    }
    promise->set_value(std::move(outcome));
  };
  auto client = std::make_shared<Client>();
  client->id = id;
  auto wanted =
      std::make_shared<WantedRows>(inputs, 2, client, std::make_exception_ptr(not_ready()), done);
  return {promise->get_future(), std::move(client), std::move(wanted)};
}

Tokens tokens_of(std::int64_t first, std::size_t length) {
  Tokens tokens;
  tokens.ids.assign(length, first);
  return tokens;
}

// Rows (first id, number of ids); a text of ids -1 makes the model fail, one of ids 0 a row of
// zeros.
Embeddings encode(std::span<const Tokens> texts) {
  Embeddings rows(texts.size(), 2);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].ids[0] == -1) throw std::runtime_error("the model fails");
    if (texts[i].ids[0] == 0) continue;
    rows[i][0] = static_cast<float>(texts[i].ids[0]);
    rows[i][1] = static_cast<float>(texts[i].ids.size());
  }
  return rows;
}

// An engine whose batches are written down.
struct Bench {
  Metrics metrics;
  std::vector<std::string> told;
  Engine engine{{.tokens = 12, .images = 2}, metrics, [this](const std::string& line) {
                  told.push_back(line);
                }};
  std::vector<std::size_t> text_batches, crop_batches;
  std::thread thread;

  void start() {
    thread = std::thread([this] {
      engine.run({.texts =
                      [this](std::span<const Tokens> texts) {
                        text_batches.push_back(texts.size());
                        return encode(texts);
                      },
                  .crops =
                      [this](std::span<const std::uint8_t> crops) {
                        crop_batches.push_back(crops.size());
                        Embeddings rows(crops.size(), 2);
                        for (std::size_t i = 0; i < crops.size(); ++i) rows[i][0] = crops[i];
                        return rows;
                      }});
    });
  }
  void stop() {
    engine.stop();
    if (thread.joinable()) thread.join();
  }
  ~Bench() { stop(); }
};

}  // namespace

TEST_CASE("rows go back to their inputs, whatever the batches", "[serve]") {
  Bench bench;
  Asked asked = ask(5);
  for (std::size_t i = 0; i < 5; ++i) {
    bench.engine.add_text(asked.wanted, i, tokens_of(static_cast<std::int64_t>(i) + 7, i % 2 + 2));
  }
  asked.wanted.reset();
  bench.start();
  const Outcome outcome = asked.outcome.get();
  CHECK(outcome.status == 200);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(outcome.rows[i][0] == static_cast<float>(i + 7));
    CHECK(outcome.rows[i][1] == static_cast<float>(i % 2 + 2));
  }
  bench.stop();
  CHECK(bench.text_batches == std::vector<std::size_t>{5});
}

TEST_CASE("what is there when the engine is free makes a batch", "[serve]") {
  Bench bench;
  std::vector<Asked> asked;
  for (std::uint64_t client = 1; client <= 7; ++client) {
    asked.push_back(ask(1, client));
    bench.engine.add_text(std::exchange(asked.back().wanted, nullptr), 0, tokens_of(5, 4));
  }
  CHECK(bench.engine.waiting() == 7);
  bench.start();
  for (Asked& one : asked) CHECK(one.outcome.get().status == 200);
  bench.stop();
  CHECK(bench.text_batches == std::vector<std::size_t>{3, 3, 1});  // of 12 tokens
}

TEST_CASE("texts and images take turns", "[serve]") {
  Bench bench;
  Asked asked = ask(8);
  for (std::size_t i = 0; i < 4; ++i) {
    bench.engine.add_text(asked.wanted, i, tokens_of(9, 12));
    bench.engine.add_crop(asked.wanted, i + 4, {static_cast<std::uint8_t>(i + 1)});
  }
  asked.wanted.reset();
  bench.start();
  const Outcome outcome = asked.outcome.get();
  CHECK(outcome.status == 200);
  CHECK(outcome.rows[6][0] == 3);
  bench.stop();
  CHECK(bench.text_batches.size() == 4);
  CHECK(bench.crop_batches == std::vector<std::size_t>{2, 2});
}

TEST_CASE("crops that are held wait until their batch is full, and texts do not", "[serve]") {
  Bench bench;
  bench.engine.hold_crops(true);
  Asked asked = ask(3, 1), text = ask(1, 2);
  const auto add_crop = [&](std::size_t i) {
    bench.engine.add_crop(asked.wanted, i, {static_cast<std::uint8_t>(i + 1)});
  };
  add_crop(0);
  bench.start();
  bench.engine.add_text(std::exchange(text.wanted, nullptr), 0, tokens_of(9, 12));
  CHECK(text.outcome.get().status == 200);
  CHECK(bench.engine.waiting() == 1);
  add_crop(1);
  add_crop(2);
  asked.wanted.reset();
  bench.engine.hold_crops(false);
  CHECK(asked.outcome.get().rows[2][0] == 3);
  bench.stop();
  CHECK(bench.crop_batches == std::vector<std::size_t>{2, 1});
}

TEST_CASE("a batch that fails fails its requests, and the engine goes on", "[serve]") {
  Bench bench;
  Asked bad = ask(1, 1), beside = ask(2, 2), later = ask(1, 3);
  bench.engine.add_text(std::exchange(bad.wanted, nullptr), 0, tokens_of(-1, 6));
  bench.engine.add_text(beside.wanted, 0, tokens_of(3, 6));  // in the same batch
  bench.engine.add_text(std::exchange(beside.wanted, nullptr), 1, tokens_of(3, 5));
  bench.engine.add_text(std::exchange(later.wanted, nullptr), 0, tokens_of(3, 4));
  bench.start();
  CHECK(bad.outcome.get().status == 500);
  CHECK(beside.outcome.get().status == 500);
  CHECK(later.outcome.get().status == 200);
  bench.stop();
  CHECK(bench.told.size() == 1);
  CHECK(bench.metrics.failed_batches.value() == 1);
}

TEST_CASE("a row of zeros fails its request alone", "[serve]") {
  Bench bench;
  Asked zeros = ask(1, 1), good = ask(1, 2);
  bench.engine.add_text(std::exchange(zeros.wanted, nullptr), 0, tokens_of(0, 3));
  bench.engine.add_text(std::exchange(good.wanted, nullptr), 0, tokens_of(1, 3));
  bench.start();
  CHECK(zeros.outcome.get().status == 500);
  CHECK(good.outcome.get().status == 200);
}

TEST_CASE("a client that left costs nothing", "[serve]") {
  Bench bench;
  Asked left = ask(3, 1), stays = ask(1, 2);
  for (std::size_t i = 0; i < 3; ++i) bench.engine.add_text(left.wanted, i, tokens_of(1, 3));
  bench.engine.add_text(std::exchange(stays.wanted, nullptr), 0, tokens_of(1, 3));
  left.client->left = true;
  left.wanted.reset();
  bench.start();
  CHECK(stays.outcome.get().status == 200);
  CHECK(left.outcome.get().status == 503);
  bench.stop();
  CHECK(bench.text_batches == std::vector<std::size_t>{1});
}

TEST_CASE("what waits when the engine is stopped is told so", "[serve]") {
  Bench bench;
  Asked waits = ask(1), comes_later = ask(1);
  bench.engine.add_text(std::exchange(waits.wanted, nullptr), 0, tokens_of(1, 3));
  bench.stop();
  CHECK(waits.outcome.get().status == 503);
  bench.engine.add_text(std::exchange(comes_later.wanted, nullptr), 0, tokens_of(1, 3));
  CHECK(comes_later.outcome.get().status == 503);
}
