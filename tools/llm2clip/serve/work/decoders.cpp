#include "serve/work/decoders.h"

#include <sys/resource.h>

#include <exception>
#include <utility>

#include "llm2clip/error.h"
#include "serve/api/api_error.h"

namespace llm2clip::serve {
namespace {

constexpr int kLowPriority = 10;  // nice

// What goes wrong with one image, as its client is told it.
ApiError error_of(const ApiInput& image) {
  try {
    throw;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::unreadable_input) return bad_request(image.name, error.what());
  } catch (const std::exception&) {
  }
  return internal_error();
}

}  // namespace

Decoders::Decoders(const DecodeOptions& options, Take take, TellBusy tell_busy)
    : options_(options),
      take_(std::move(take)),
      tell_busy_(std::move(tell_busy)),
      busy_(options.threads) {
  for (std::size_t i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this] { work(); });
  }
}

void Decoders::stop() {
  TurnQueue<Queued> dropped;
  {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
    std::swap(dropped, queue_);
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Decoders::add(std::shared_ptr<WantedRows> wanted, std::size_t input, ApiInput image) {
  const std::uint64_t client = wanted->client();
  const std::scoped_lock lock(mutex_);
  if (ended_) return;
  queue_.add(client, 1, {std::move(wanted), input, std::move(image)});
  changed_.notify_one();
}

void Decoders::work() {
  // Of this thread alone, on Linux; a system that refuses is no reason not to decode.
  static_cast<void>(::setpriority(PRIO_PROCESS, 0, kLowPriority));
  while (const auto next = next_image()) {
    if (!next->wanted->dropped()) decode(*next);
  }
}

// Empty: it ends.
std::optional<Decoders::Queued> Decoders::next_image() {
  std::unique_lock lock(mutex_);
  if (queue_.size() == 0 || ended_) {
    set_busy(busy_ - 1);
    changed_.wait(lock, [&] { return ended_ || queue_.size() > 0; });
    if (ended_) return std::nullopt;
    set_busy(busy_ + 1);
  }
  return std::move(queue_.take(1).front());
}

void Decoders::set_busy(std::size_t threads) {
  const bool were = busy_ == options_.threads;
  busy_ = threads;
  if (were != (busy_ == options_.threads)) tell_busy_(!were);
}

void Decoders::decode(const Queued& queued) {
  try {
    take_(queued.wanted, queued.input, crop_of(queued.image));
  } catch (...) {
    queued.wanted->fail(std::make_exception_ptr(error_of(queued.image)));
  }
}

std::vector<std::uint8_t> Decoders::crop_of(const ApiInput& image) {
  struct Taken {
    Decoders& decoders;
    std::uint64_t bytes = 0;
    ~Taken() { decoders.give_memory(bytes); }
  };
  Taken taken{*this};
  ReadOptions read = options_.read;
  read.keep_mode = options_.preprocess.order == PreprocessOrder::torchvision;
  read.reserve = [&](std::uint64_t bytes) {
    take_memory(bytes);
    taken.bytes = bytes;
  };
  const auto& file = std::get<std::vector<std::uint8_t>>(image.content);
  return resize_and_crop(decode_image(file, image.name, read), options_.preprocess).pixels;
}

// An image that is larger than all the memory is decoded alone.
void Decoders::take_memory(std::uint64_t bytes) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] {
    return memory_used_ == 0 ||
           (memory_used_ < options_.memory && bytes <= options_.memory - memory_used_);
  });
  memory_used_ += bytes;
}

void Decoders::give_memory(std::uint64_t bytes) {
  if (bytes == 0) return;
  const std::scoped_lock lock(mutex_);
  memory_used_ -= bytes;
  changed_.notify_all();
}

}  // namespace llm2clip::serve
