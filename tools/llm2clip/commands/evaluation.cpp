#include "commands/evaluation.h"

#include <array>
#include <cstdio>

#include "commands/left_threads.h"
#include "terminal/exit_code.h"

namespace llm2clip::cli {

EmbedOptions evaluation_options(const ModelFlags& model, const BatchFlags& batch, OnError on_error,
                                Progress& progress, Messages& messages) {
  EmbedOptions options;
  options.encode = encode_options(batch);
  options.decoding_threads = static_cast<std::size_t>(model.threads);
  options.stop_at_failure = on_error == OnError::fail;
  options.failed = [&messages](const Outcome& outcome) {
    messages.error(outcome.failure->message);
  };
  options.progress = [&progress](std::uint64_t done, std::optional<std::uint64_t>) {
    progress.update(done);
    return true;
  };
  options.leave_threads = leave_threads;
  return options;
}

nlohmann::ordered_json object_of(const std::vector<std::pair<std::string, std::string>>& entries) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (const auto& [key, value] : entries) object[key] = value;
  return object;
}

std::string percent(double share) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", 100 * share);
  return text.data();
}

int tell_losses(std::uint64_t failed, std::uint64_t truncated, Messages& messages) {
  if (truncated > 0) {
    messages.note(std::to_string(truncated) +
                  " captions were longer than the model takes, and cut");
  }
  if (failed == 0) return kDone;
  messages.note(std::to_string(failed) +
                " failed and did not take part: compare this with no other result");
  return kSomeSkipped;
}

}  // namespace llm2clip::cli
