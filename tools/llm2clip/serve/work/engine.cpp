#include "serve/work/engine.h"

#include <cmath>
#include <exception>
#include <utility>

#include "serve/api/api_error.h"

namespace llm2clip::serve {
namespace {

// Nothing that is not a direction may leave the server: cosines with it would say nothing.
bool is_usable(std::span<const float> row) {
  double squares = 0;
  for (const float value : row) squares += static_cast<double>(value) * value;
  return std::isfinite(squares) && squares > 0;
}

Embeddings encode_crops(const Encoders& encoders,
                        std::span<const std::vector<std::uint8_t>> crops) {
  std::vector<std::uint8_t> together;
  together.reserve(crops.size() * crops.front().size());
  for (const auto& crop : crops) together.insert(together.end(), crop.begin(), crop.end());
  return encoders.crops(together);
}

}  // namespace

Engine::Engine(const BatchBudget& budget, Metrics& metrics,
               std::function<void(const std::string&)> tell)
    : budget_(budget), metrics_(metrics), tell_(std::move(tell)) {}

void Engine::add_text(std::shared_ptr<WantedRows> wanted, std::size_t input, Tokens tokens) {
  const std::uint64_t client = wanted->client();
  const std::size_t length = tokens.ids.size();
  const std::scoped_lock lock(mutex_);
  if (stopped_) return;
  texts_.add(client, length, {std::move(wanted), input, std::move(tokens), Clock::now()});
  changed_.notify_one();
}

void Engine::add_crop(std::shared_ptr<WantedRows> wanted, std::size_t input,
                      std::vector<std::uint8_t> crop) {
  const std::uint64_t client = wanted->client();
  const std::scoped_lock lock(mutex_);
  if (stopped_) return;
  crops_.add(client, 1, {std::move(wanted), input, std::move(crop), Clock::now()});
  changed_.notify_one();
}

void Engine::hold_crops(bool hold) {
  const std::scoped_lock lock(mutex_);
  holds_crops_ = hold;
  changed_.notify_one();
}

void Engine::run(const Encoders& encoders) {
  while (wait_for_work()) {
    compute(take(texts_, budget_.tokens),
            [&](std::span<const Tokens> texts) { return encoders.texts(texts); });
    compute(take_crops(), [&](std::span<const std::vector<std::uint8_t>> crops) {
      return encode_crops(encoders, crops);
    });
  }
}

void Engine::stop() {
  TurnQueue<Text> texts;  // destroyed without the lock: requests end with them
  TurnQueue<Crop> crops;
  const std::scoped_lock lock(mutex_);
  stopped_ = true;
  std::swap(texts, texts_);
  std::swap(crops, crops_);
  changed_.notify_all();
}

std::size_t Engine::waiting() const {
  const std::scoped_lock lock(mutex_);
  return texts_.size() + crops_.size();
}

std::optional<std::chrono::steady_clock::time_point> Engine::busy_since() const {
  const Clock::rep since = busy_since_;
  if (since == 0) return std::nullopt;
  return Clock::time_point(Clock::duration(since));
}

bool Engine::wait_for_work() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return stopped_ || texts_.size() > 0 || has_crops(); });
  return !stopped_;
}

// Under the lock.
bool Engine::has_crops() const {
  return crops_.size() >= budget_.images || (crops_.size() > 0 && !holds_crops_);
}

template <typename Content>
std::vector<Engine::Queued<Content>> Engine::take(TurnQueue<Queued<Content>>& queue,
                                                  std::size_t budget) {
  std::vector<Queued<Content>> batch;
  std::vector<Queued<Content>> dropped;  // destroyed without the lock
  const std::scoped_lock lock(mutex_);
  while (batch.empty() && queue.size() > 0) {
    for (Queued<Content>& input : queue.take(budget)) {
      (input.wanted->dropped() ? dropped : batch).push_back(std::move(input));
    }
  }
  return batch;
}

std::vector<Engine::Crop> Engine::take_crops() {
  {
    const std::scoped_lock lock(mutex_);
    if (!has_crops()) return {};
  }
  return take(crops_, budget_.images);
}

template <typename Content, typename Encode>
void Engine::compute(std::vector<Queued<Content>> batch, const Encode& encode) {
  if (batch.empty()) return;
  std::vector<Content> contents;
  const Clock::time_point start = Clock::now();
  for (Queued<Content>& input : batch) {
    contents.push_back(std::move(input.content));
    input.wanted->add_queued(start - input.since);
  }
  busy_since_ = start.time_since_epoch().count();
  try {
    const Embeddings rows = encode(contents);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (!is_usable(rows[i])) {
        batch[i].wanted->fail(std::make_exception_ptr(unusable_row()));
      } else {
        batch[i].wanted->put_row(batch[i].input, rows[i]);
      }
    }
  } catch (const std::exception& error) {
    const std::exception_ptr failure = std::make_exception_ptr(failed_batch());
    for (const Queued<Content>& input : batch) input.wanted->fail(failure);
    metrics_.failed_batches.add();
    tell_(std::string("a batch of ") + std::to_string(batch.size()) +
          " inputs failed: " + error.what());
  }
  busy_since_ = 0;
  const std::chrono::duration<double> took = Clock::now() - start;
  metrics_.batch_size.observe(static_cast<double>(batch.size()));
  ++batches_;
  for (const Queued<Content>& input : batch) input.wanted->add_computed(batches_, took);
}

}  // namespace llm2clip::serve
