#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "llm2clip/embeddings.h"
#include "llm2clip/tokenizer.h"
#include "serve/watch/metrics.h"
#include "serve/work/turn_queue.h"
#include "serve/work/wanted_rows.h"

namespace llm2clip::serve {

/// What the engine runs: rows that are not normalized, one for each input.
struct Encoders {
  std::function<Embeddings(std::span<const Tokens> texts)> texts;
  std::function<Embeddings(std::span<const std::uint8_t> crops)> crops;
};

/// How much goes through a network at once.
struct BatchBudget {
  std::size_t tokens = 4096;
  std::size_t images = 16;
};

/// One thread that computes, with a queue of texts and one of images before it. When it is free it
/// takes what is there, from each queue in turn, and waits for nothing more: a single request is
/// computed at once, and under load the queue fills while a batch is computed. Crops alone may be
/// held until their batch is full.
class Engine {
 public:
  /// `tell` gets one line for a person when a batch fails.
  Engine(const BatchBudget& budget, Metrics& metrics, std::function<void(const std::string&)> tell);

  void add_text(std::shared_ptr<WantedRows> wanted, std::size_t input, Tokens tokens);
  void add_crop(std::shared_ptr<WantedRows> wanted, std::size_t input,
                std::vector<std::uint8_t> crop);

  /// While it is so, fewer crops than a batch has wait for others: what would compute them has to
  /// make those.
  void hold_crops(bool hold);

  /// Computes in the calling thread until stop(). A batch that fails fails the requests in it, and
  /// the next one is computed.
  void run(const Encoders& encoders);
  /// May be called from any thread. What waits is dropped.
  void stop();

  std::size_t waiting() const;
  /// Since when the batch under way is computed; empty: none is.
  std::optional<std::chrono::steady_clock::time_point> busy_since() const;

 private:
  using Clock = std::chrono::steady_clock;
  template <typename Content>
  struct Queued {
    std::shared_ptr<WantedRows> wanted;
    std::size_t input;
    Content content;
    Clock::time_point since;
  };
  using Text = Queued<Tokens>;
  using Crop = Queued<std::vector<std::uint8_t>>;

  bool wait_for_work();
  bool has_crops() const;
  template <typename Content>
  std::vector<Queued<Content>> take(TurnQueue<Queued<Content>>& queue, std::size_t budget);
  std::vector<Crop> take_crops();
  template <typename Content, typename Encode>
  void compute(std::vector<Queued<Content>> batch, const Encode& encode);

  const BatchBudget budget_;
  Metrics& metrics_;
  const std::function<void(const std::string&)> tell_;

  mutable std::mutex mutex_;  // around the next five
  std::condition_variable changed_;
  TurnQueue<Text> texts_;
  TurnQueue<Crop> crops_;
  bool holds_crops_ = false;
  bool stopped_ = false;

  std::atomic<Clock::rep> busy_since_ = 0;
  std::uint64_t batches_ = 0;
};

}  // namespace llm2clip::serve
