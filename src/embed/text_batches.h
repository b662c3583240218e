#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "inputs/text_inputs.h"
#include "jobs/job.h"
#include "jobs/results.h"
#include "llm2clip/tokenizer.h"

namespace llm2clip {

/// Texts that are named already.
struct TextSource {
  explicit TextSource(const TextFlags& text_flags) : flags(text_flags), inputs(flags, failures) {}

  const TextFlags flags;
  CollectedFailures failures;
  TextInputs inputs;
};

/// Texts as tokens, in windows that are large, because the texts of one forward have equal token
/// counts and are found within a window; read and tokenized in a thread of its own.
///
/// Which texts make a window depends on their order alone.
class TextBatches {
 public:
  struct Texts {
    Batch batch;                 ///< without rows
    std::vector<Tokens> tokens;  ///< of the outcomes without a failure
  };

  /// `longest` is how many tokens the model takes; `refuse_long`: a text of more stops the job.
  /// Throws as start_thread.
  TextBatches(std::shared_ptr<TextSource> source, std::shared_ptr<const Tokenizer> tokenizer,
              std::size_t window, int longest, bool refuse_long, std::shared_ptr<Results> results);
  /// Stops the thread. Note [Threads left behind].
  ~TextBatches();

  /// Empty after the last one, and when a signal asked for a stop.
  /// Throws Error(unreadable_input) for a file that cannot be read, and what Run::take throws.
  std::optional<Texts> next();

 private:
  struct Pipeline;
  std::shared_ptr<Pipeline> pipeline_;
};

}  // namespace llm2clip
