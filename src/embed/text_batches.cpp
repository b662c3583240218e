#include "embed/text_batches.h"

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "embed/bounded_queue.h"
#include "embed/job_thread.h"
#include "embed/outcomes.h"
#include "llm2clip/detail/command_line.h"

namespace llm2clip {
namespace {

constexpr std::size_t kWindowsAhead = 2;
constexpr std::size_t kWindowBytes = 16u << 20;  // of text

std::string place_of(const TextInput& input, const RunInput& taken) {
  return input.place.empty() ? "text " + std::to_string(taken.index) : input.place;
}

}  // namespace

struct TextBatches::Pipeline {
  TextSource source;
  std::shared_ptr<const Tokenizer> tokenizer;
  const Manner manner;
  TakeInput take;
  BoundedQueue<Texts> windows{kWindowsAhead, SIZE_MAX};
  std::atomic<bool> stopped = false;
  std::atomic<std::uint64_t> passed_over = 0;
  std::unique_ptr<JobThread> reader = nullptr;

  Texts filling = {};
  std::size_t bytes = 0;  // of text in it

  void read_inputs();
  void add(RunInput taken, TextInput input);
  void tokenize(const TextInput& input);
  void push_window();
};

void TextBatches::Pipeline::read_inputs() {
  while (!stopped) {
    std::optional<TextInput> input = source.next();
    if (stopped) return;
    if (!input) break;
    if (auto taken = take(input->id, input->failure ? input->failure->message : input->text, {})) {
      add(std::move(*taken), std::move(*input));
    } else {
      ++passed_over;
    }
    if (filling.outcomes.size() >= manner.window || bytes >= kWindowBytes) push_window();
  }
  push_window();
}

void TextBatches::Pipeline::add(RunInput taken, TextInput input) {
  // What an earlier process did lies between: windows begin where they would without it.
  if (!filling.outcomes.empty() && filling.outcomes.back().input.index + 1 != taken.index) {
    push_window();
  }
  filling.outcomes.push_back({std::move(taken), std::move(input.failure), false});
  if (!filling.outcomes.back().failure) tokenize(input);
}

void TextBatches::Pipeline::tokenize(const TextInput& input) {
  Outcome& outcome = filling.outcomes.back();
  bytes += input.text.size();
  const std::string place = place_of(input, outcome.input);
  try {
    filling.tokens.push_back(tokenizer->encode(input.text));
  } catch (const Error& error) {
    outcome.failure = failure_of("tokenize", detail::at_place(place, error));
    return;
  }
  outcome.truncated = filling.tokens.back().truncated;
  // Refusing is a decision about the call: it ends where other failures are passed over as well.
  if (outcome.truncated && manner.on_long == OnLong::error) {
    throw Error(ErrorKind::unreadable_input, place + ": has more than " +
                                                 std::to_string(manner.longest) +
                                                 " tokens; shorten it, or let it be truncated");
  }
}

void TextBatches::Pipeline::push_window() {
  if (filling.outcomes.empty()) return;
  windows.push(std::exchange(filling, {}), 0);
  bytes = 0;
}

TextBatches::TextBatches(TextSource source, std::shared_ptr<const Tokenizer> tokenizer,
                         const Manner& manner, TakeInput take, Stop stop,
                         const std::function<void()>& leave_threads)
    : pipeline_(new Pipeline{std::move(source), std::move(tokenizer), manner, std::move(take)}),
      stop_(std::move(stop)) {
  const auto read = [pipeline = pipeline_] {
    try {
      pipeline->read_inputs();
    } catch (...) {
      pipeline->windows.close();
      throw;
    }
    pipeline->windows.close();
  };
  pipeline_->reader = std::make_unique<JobThread>(read, leave_threads);
}

TextBatches::~TextBatches() {
  pipeline_->stopped = true;
  pipeline_->windows.cancel();
  pipeline_->reader.reset();
}

std::uint64_t TextBatches::passed_over() const { return pipeline_->passed_over; }

std::optional<TextBatches::Texts> TextBatches::next() {
  std::optional<Texts> texts = pipeline_->windows.pop([&] { return stop_ && stop_(); });
  check_stop(stop_);
  if (!texts) pipeline_->reader->rethrow();
  return texts;
}

}  // namespace llm2clip
