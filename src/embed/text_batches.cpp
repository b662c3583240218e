#include "jobs/text_batches.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <utility>

#include "jobs/bounded_queue.h"
#include "jobs/job_thread.h"
#include "terminal/stop_signals.h"

namespace llm2clip {
namespace {

constexpr std::size_t kWindowsAhead = 2;
constexpr std::size_t kWindowBytes = 16u << 20;  // of text

}  // namespace

struct TextBatches::Pipeline {
  std::shared_ptr<TextSource> source;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::size_t window;
  int longest;  // tokens above which a text loses its end
  bool refuse_long;
  BoundedQueue<Texts> windows{kWindowsAhead, SIZE_MAX};
  std::atomic<bool> stopped = false;
  std::unique_ptr<JobThread> reader = nullptr;

  Texts filling = {};
  std::size_t bytes = 0;  // of text in it

  void read_inputs(Results& results);
  void push_failures(Results& results);
  void add_text(RunInput taken, const TextInput& input);
  void begin_at(const RunInput& input);
  void push_window();
};

void TextBatches::Pipeline::read_inputs(Results& results) {
  while (!stopped) {
    const std::optional<TextInput> input = source->inputs.next();
    if (stopped) return;
    push_failures(results);
    if (!input) break;
    if (auto taken = results.take(input->id, input->text)) add_text(std::move(*taken), *input);
    if (filling.batch.outcomes.size() >= window || bytes >= kWindowBytes) push_window();
  }
  push_window();
}

void TextBatches::Pipeline::push_failures(Results& results) {
  for (Failure& failure : source->failures.take()) {
    if (auto taken = results.take(failure.id, failure.why.message)) {
      begin_at(*taken);
      filling.batch.outcomes.push_back({std::move(*taken), std::move(failure.why), false});
    }
  }
}

void TextBatches::Pipeline::add_text(RunInput taken, const TextInput& input) {
  begin_at(taken);
  bytes += input.text.size();
  std::vector<Outcome>& outcomes = filling.batch.outcomes;
  outcomes.push_back({std::move(taken), std::nullopt, false});
  try {
    filling.tokens.push_back(tokenizer->encode(input.text));
  } catch (const Error& error) {
    outcomes.back().failure = failure_of("tokenize", at_place(input.place, error));
    return;
  }
  if (!filling.tokens.back().truncated) return;
  outcomes.back().truncated = true;
  // Refusing is a decision about the run: it stops under --on-error skip as well.
  if (refuse_long) {
    throw Error(ErrorKind::unreadable_input,
                input.place + ": has more than " + std::to_string(longest) +
                    " tokens; shorten it, or cut it with --on-long truncate");
  }
}

// What an earlier process did lies between: windows begin where they would without it.
void TextBatches::Pipeline::begin_at(const RunInput& input) {
  const std::vector<Outcome>& outcomes = filling.batch.outcomes;
  if (!outcomes.empty() && outcomes.back().input.index + 1 != input.index) push_window();
}

void TextBatches::Pipeline::push_window() {
  if (filling.batch.outcomes.empty()) return;
  windows.push(std::exchange(filling, {}), 0);
  bytes = 0;
}

TextBatches::TextBatches(std::shared_ptr<TextSource> source,
                         std::shared_ptr<const Tokenizer> tokenizer, std::size_t window,
                         int longest, bool refuse_long, std::shared_ptr<Results> results)
    : pipeline_(
          new Pipeline{std::move(source), std::move(tokenizer), window, longest, refuse_long}) {
  pipeline_->reader =
      std::make_unique<JobThread>([pipeline = pipeline_, results = std::move(results)] {
        try {
          pipeline->read_inputs(*results);
        } catch (...) {
          pipeline->windows.close();
          throw;
        }
        pipeline->windows.close();
      });
}

TextBatches::~TextBatches() {
  pipeline_->stopped = true;
  pipeline_->windows.cancel();
  pipeline_->reader.reset();
}

std::optional<TextBatches::Texts> TextBatches::next() {
  std::optional<Texts> texts = pipeline_->windows.pop([] { return stop_signal() != 0; });
  if (!texts && stop_signal() == 0) pipeline_->reader->rethrow();
  return texts;
}

}  // namespace llm2clip
