#include "jobs/image_batches.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <utility>

#include "inputs/image_blocks.h"
#include "jobs/bounded_queue.h"
#include "jobs/job_thread.h"
#include "jobs/memory_budget.h"
#include "terminal/stop_signals.h"

namespace llm2clip {
namespace {

constexpr std::size_t kBatchesAhead = 4;
constexpr std::size_t kLeastAhead = 64;
constexpr std::size_t kBytesAhead = 256u << 20;
constexpr int kNiceness = 10;

// What tells whether an input has changed since an earlier process read it. Times differ among the
// machines that share a list.
struct Content {
  std::string bytes;
  std::string stamp = {};
};

Content content_of(const ImageInput& input) {
  if (input.content) return {{input.content->begin(), input.content->end()}};
  struct stat status{};
  if (::stat(input.id.c_str(), &status) != 0) return {};
  return {std::to_string(status.st_size),
          std::to_string(status.st_mtim.tv_sec) + "." + std::to_string(status.st_mtim.tv_nsec)};
}

// An image that is being decoded, or an input that has none.
struct Item {
  Outcome outcome;
  std::future<Image> image;  // where the outcome has no failure
};

// False: a signal asked for a stop, and nobody waits for it.
bool is_decoded(const std::future<Image>& image) {
  while (image.wait_for(std::chrono::milliseconds(100)) != std::future_status::ready) {
    if (stop_signal() != 0) return false;
  }
  return true;
}

}  // namespace

struct ImageBatches::Pipeline {
  Pipeline(std::shared_ptr<ImageSource> inputs, const PreprocessOptions& options,
           std::size_t items_ahead, std::uint64_t decode_memory)
      : source(std::move(inputs)),
        preprocess(options),
        memory(decode_memory),
        items(items_ahead, kBytesAhead),
        decoding(items_ahead + 1, SIZE_MAX) {}

  void read_inputs(Results& results);
  void push_failures(Results& results);
  void push_image(RunInput input, ImageInput image);
  void decode();
  void stop();

  std::shared_ptr<ImageSource> source;
  PreprocessOptions preprocess;
  MemoryBudget memory;       // of what is being decoded
  BoundedQueue<Item> items;  // in order; bounds what is in flight
  BoundedQueue<std::packaged_task<Image()>> decoding;
  std::atomic<bool> stopped = false;
  std::vector<std::unique_ptr<JobThread>> decoders;
  std::unique_ptr<JobThread> reader;
  std::optional<Item> held;  // the first of the next batch
};

void ImageBatches::Pipeline::read_inputs(Results& results) {
  push_failures(results);  // of listing folders
  while (!stopped) {
    std::optional<ImageInput> input = source->inputs.next();
    if (stopped) return;
    push_failures(results);
    if (!input) return;
    const Content content = content_of(*input);
    if (auto taken = results.take(input->id, content.bytes, content.stamp)) {
      push_image(std::move(*taken), std::move(*input));
    }
  }
}

void ImageBatches::Pipeline::push_failures(Results& results) {
  for (Failure& failure : source->failures.take()) {
    if (auto taken = results.take(failure.id, failure.why.message)) {
      items.push({{std::move(*taken), std::move(failure.why), false}, {}}, 0);
    }
  }
}

void ImageBatches::Pipeline::push_image(RunInput input, ImageInput image) {
  ReadOptions options = source->flags.read;
  options.keep_mode = preprocess.order == PreprocessOrder::torchvision;
  const auto side = static_cast<std::size_t>(preprocess.image_size);
  const std::size_t bytes = 3 * side * side + (image.content ? image.content->size() : 0);
  // The square in its mode and in RGB, and the rows that it is made of.
  const std::uint64_t resized = std::uint64_t{12} * side * side;
  std::packaged_task<Image()> task([this, resized, options, image = std::move(image)]() mutable {
    MemoryBudget::Share share(memory);
    options.reserve = [&share, resized](std::uint64_t needed) { share.grow(needed + resized); };
    return resize_and_crop(read_input(image, options), preprocess);
  });
  std::future<Image> decoded = task.get_future();
  if (items.push({{std::move(input), std::nullopt, false}, std::move(decoded)}, bytes)) {
    decoding.push(std::move(task), 0);
  }
}

void ImageBatches::Pipeline::decode() {
  ::setpriority(PRIO_PROCESS, 0, kNiceness);  // of this thread alone, on Linux
  while (std::optional<std::packaged_task<Image()>> task = decoding.pop()) (*task)();
}

void ImageBatches::Pipeline::stop() {
  stopped = true;
  items.cancel();
  decoding.cancel();
  const auto moment = JobThread::Clock::now() + JobThread::kMoment;
  for (const auto& decoder : decoders) decoder->end_by(moment);
  if (reader) reader->end_by(moment);
  // What their threads own goes with them: this pipeline.
  decoders.clear();
  reader.reset();
}

ImageBatches::ImageBatches(std::shared_ptr<ImageSource> source, const PreprocessOptions& preprocess,
                           std::size_t batch_size, std::size_t threads, std::uint64_t decode_memory,
                           std::shared_ptr<Results> results)
    : pipeline_(std::make_shared<Pipeline>(std::move(source), preprocess,
                                           std::max(kLeastAhead, kBatchesAhead * batch_size),
                                           decode_memory)),
      batch_size_(batch_size) {
  const auto read = [pipeline = pipeline_, results = std::move(results)] {
    try {
      pipeline->read_inputs(*results);
    } catch (...) {
      pipeline->items.close();
      throw;
    }
    pipeline->items.close();
  };
  try {
    for (std::size_t i = 0; i < threads; ++i) {
      pipeline_->decoders.push_back(
          std::make_unique<JobThread>([pipeline = pipeline_] { pipeline->decode(); }));
    }
    pipeline_->reader = std::make_unique<JobThread>(read);
  } catch (...) {
    pipeline_->stop();
    throw;
  }
}

ImageBatches::~ImageBatches() { pipeline_->stop(); }

std::optional<ImageBatches::Images> ImageBatches::next() {
  Images images;
  std::vector<Outcome>& outcomes = images.batch.outcomes;
  while (outcomes.size() < batch_size_) {
    std::optional<Item> item = std::exchange(pipeline_->held, std::nullopt);
    if (!item) item = pipeline_->items.pop([] { return stop_signal() != 0; });
    if (stop_signal() != 0) return std::nullopt;
    if (!item) break;
    // What an earlier process did lies between: batches begin where they would without it.
    if (!outcomes.empty() && item->outcome.input.index != outcomes.back().input.index + 1) {
      pipeline_->held = std::move(item);
      break;
    }
    outcomes.push_back(std::move(item->outcome));
    if (outcomes.back().failure) continue;
    if (!is_decoded(item->image)) return std::nullopt;
    try {
      images.images.push_back(item->image.get());
    } catch (const Error& error) {
      outcomes.back().failure = failure_of("read", error);
    }
  }
  if (outcomes.empty()) {
    pipeline_->reader->rethrow();
    return std::nullopt;
  }
  return images;
}

}  // namespace llm2clip
