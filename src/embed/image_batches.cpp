#include "embed/image_batches.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "embed/bounded_queue.h"
#include "embed/job_thread.h"
#include "embed/memory_budget.h"
#include "embed/outcomes.h"
#include "image/read_oriented.h"

namespace llm2clip {
namespace {

constexpr std::size_t kLeastAhead = 64;
constexpr int kNiceness = 10;

std::string_view view_of(const std::vector<std::uint8_t>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The size of a file tells whether it is the same wherever it is read; its time does so on this
// machine, as times differ among those that share a list.
std::optional<RunInput> take_file(const TakeInput& take, const std::string& id,
                                  const std::filesystem::path& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) return take(id, {}, {});
  return take(id, std::to_string(status.st_size),
              std::to_string(status.st_mtim.tv_sec) + "." + std::to_string(status.st_mtim.tv_nsec));
}

std::optional<RunInput> take_image(const TakeInput& take, const ImageInput& input) {
  if (!input.identity.empty()) return take(input.id, input.identity, input.stamp);
  if (input.failure) return take(input.id, input.failure->message, {});
  if (const auto* file = std::get_if<std::filesystem::path>(&input.content)) {
    return take_file(take, input.id, *file);
  }
  if (const auto* bytes = std::get_if<std::vector<std::uint8_t>>(&input.content)) {
    return take(input.id, view_of(*bytes), {});
  }
  const auto& image = std::get<Image>(input.content);
  return take(input.id, view_of(image.pixels),
              std::to_string(image.width) + "x" + std::to_string(image.height));
}

// Bytes that an input holds before it is decoded.
std::size_t bytes_of(const ImageInput::Content& content) {
  if (const auto* bytes = std::get_if<std::vector<std::uint8_t>>(&content)) return bytes->size();
  const auto* image = std::get_if<Image>(&content);
  return image == nullptr ? 0 : image->pixels.size();
}

// `orientation` as read_oriented has it: pixels that a program gives are upright.
Image read_content(ImageInput::Content& content, const std::string& id, const ReadOptions& options,
                   int* orientation) {
  if (const auto* file = std::get_if<std::filesystem::path>(&content)) {
    return read_oriented(*file, options, orientation);
  }
  if (const auto* bytes = std::get_if<std::vector<std::uint8_t>>(&content)) {
    return decode_oriented(*bytes, id, options, orientation);
  }
  return std::move(std::get<Image>(content));
}

// What becomes of an image.
struct Seen {
  Image crop;
  std::optional<Thumbnail> thumbnail;
};

// An image that is being decoded, or an input that has none.
struct Item {
  Outcome outcome;
  std::future<Seen> seen;  // where the outcome has no failure
};

std::size_t thread_count(const EmbedOptions& options) {
  return options.decoding_threads > 0 ? options.decoding_threads
                                      : std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace

struct ImageBatches::Pipeline {
  Pipeline(ImageSource inputs, const PreprocessOptions& preprocess_options,
           const EmbedOptions& options, TakeInput take_input, std::size_t items_ahead,
           int side_of_thumbnails)
      : source(std::move(inputs)),
        take(std::move(take_input)),
        preprocess(preprocess_options),
        read(options.read),
        thumbnail_side(side_of_thumbnails),
        memory(options.decode_memory),
        items(items_ahead, options.bytes_ahead),
        decoding(items_ahead + 1, SIZE_MAX) {
    read.keep_mode = preprocess.order == PreprocessOrder::torchvision;
  }

  void read_inputs();
  void push_image(RunInput taken, ImageInput input);
  Seen see(ImageInput& input);
  void decode();
  void stop();

  ImageSource source;
  TakeInput take;
  const PreprocessOptions preprocess;
  ReadOptions read;
  const int thumbnail_side;
  MemoryBudget memory;       // of what is being decoded
  BoundedQueue<Item> items;  // in order; bounds what is in flight
  BoundedQueue<std::packaged_task<Seen()>> decoding;
  std::atomic<bool> stopped = false;
  std::atomic<std::uint64_t> passed_over = 0;
  std::vector<std::unique_ptr<JobThread>> decoders;
  std::unique_ptr<JobThread> reader;
  std::optional<Item> held;  // the first of the next batch
};

void ImageBatches::Pipeline::read_inputs() {
  while (!stopped) {
    std::optional<ImageInput> input = source.next();
    if (stopped || !input) return;
    std::optional<RunInput> taken = take_image(take, *input);
    if (!taken) {
      ++passed_over;
    } else if (input->failure) {
      items.push({{std::move(*taken), std::move(input->failure), false}, {}}, 0);
    } else {
      push_image(std::move(*taken), std::move(*input));
    }
  }
}

void ImageBatches::Pipeline::push_image(RunInput taken, ImageInput input) {
  const auto side = static_cast<std::size_t>(preprocess.image_size);
  const std::size_t bytes = 3 * side * side + bytes_of(input.content);
  std::packaged_task<Seen()> task(
      [this, image = std::move(input)]() mutable { return see(image); });
  std::future<Seen> seen = task.get_future();
  if (items.push({{std::move(taken), std::nullopt, false}, std::move(seen)}, bytes)) {
    decoding.push(std::move(task), 0);
  }
}

Seen ImageBatches::Pipeline::see(ImageInput& input) {
  const auto side = static_cast<std::uint64_t>(preprocess.image_size);
  // The square in its mode and in RGB, and the rows that it is made of.
  const std::uint64_t resized = 12 * side * side;
  MemoryBudget::Share share(memory);
  ReadOptions options = read;
  options.reserve = [&](std::uint64_t needed) {
    const std::uint64_t in_rgb = thumbnail_side > 0 ? needed : 0;  // at most
    share.grow(needed + in_rgb + resized);
  };
  int orientation = 1;
  const bool shown = thumbnail_side > 0;
  const Image image =
      read_content(input.content, input.id, options, shown ? &orientation : nullptr);
  Seen seen{resize_and_crop(image, preprocess), {}};
  if (shown) seen.thumbnail = upright_thumbnail(image, orientation, thumbnail_side);
  return seen;
}

void ImageBatches::Pipeline::decode() {
  ::setpriority(PRIO_PROCESS, 0, kNiceness);  // of this thread alone, on Linux
  while (std::optional<std::packaged_task<Seen()>> task = decoding.pop()) (*task)();
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

ImageBatches::ImageBatches(ImageSource source, const PreprocessOptions& preprocess,
                           const EmbedOptions& options, TakeInput take, Stop stop,
                           int thumbnail_side)
    : batch_size_(std::max<std::size_t>(options.encode.batch_size, 1)), stop_(std::move(stop)) {
  const std::size_t ahead = std::max(kLeastAhead, options.batches_ahead * batch_size_);
  pipeline_ = std::make_shared<Pipeline>(std::move(source), preprocess, options, std::move(take),
                                         ahead, thumbnail_side);
  const auto read = [pipeline = pipeline_] {
    try {
      pipeline->read_inputs();
    } catch (...) {
      pipeline->items.close();
      throw;
    }
    pipeline->items.close();
  };
  try {
    for (std::size_t i = 0; i < thread_count(options); ++i) {
      pipeline_->decoders.push_back(std::make_unique<JobThread>(
          [pipeline = pipeline_] { pipeline->decode(); }, options.leave_threads));
    }
    pipeline_->reader = std::make_unique<JobThread>(read, options.leave_threads);
  } catch (...) {
    pipeline_->stop();
    throw;
  }
}

ImageBatches::~ImageBatches() { pipeline_->stop(); }

std::uint64_t ImageBatches::passed_over() const { return pipeline_->passed_over; }

std::optional<SeenBatch> ImageBatches::next() {
  SeenBatch batch;
  while (batch.outcomes.size() < batch_size_) {
    std::optional<Item> item = std::exchange(pipeline_->held, std::nullopt);
    if (!item) item = pipeline_->items.pop([&] { return stop_ && stop_(); });
    check_stop(stop_);
    if (!item) break;
    // What an earlier process did lies between: batches begin where they would without it.
    if (!batch.outcomes.empty() &&
        item->outcome.input.index != batch.outcomes.back().input.index + 1) {
      pipeline_->held = std::move(item);
      break;
    }
    batch.outcomes.push_back(std::move(item->outcome));
    if (batch.outcomes.back().failure) continue;
    while (item->seen.wait_for(std::chrono::milliseconds(100)) != std::future_status::ready) {
      check_stop(stop_);
    }
    try {
      Seen seen = item->seen.get();
      batch.crops.insert(batch.crops.end(), seen.crop.pixels.begin(), seen.crop.pixels.end());
      if (seen.thumbnail) batch.thumbnails.push_back(std::move(*seen.thumbnail));
    } catch (const Error& error) {
      batch.outcomes.back().failure = failure_of("read", error);
    }
  }
  if (batch.outcomes.empty()) {
    pipeline_->reader->rethrow();
    return std::nullopt;
  }
  return batch;
}

}  // namespace llm2clip
