#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/stop.h"
#include "embed/image_batches.h"
#include "llm2clip/embed.h"
#include "llm2clip/tokenizer.h"

namespace llm2clip {

/// Texts as tokens, in windows that are large, because the texts of one forward have equal token
/// counts and are found within a window; read and tokenized in a thread of its own.
///
/// Which texts make a window depends on their order alone.
class TextBatches {
 public:
  struct Texts {
    std::vector<Outcome> outcomes;
    std::vector<Tokens> tokens;  ///< of the outcomes without a failure
  };

  /// How texts are cut.
  struct Manner {
    std::size_t window = 512;
    int longest = 512;  ///< how many tokens the model takes
    OnLong on_long = OnLong::truncate;
  };

  /// `leave_threads` as EmbedOptions has it. Throws as start_thread.
  TextBatches(TextSource source, std::shared_ptr<const Tokenizer> tokenizer, const Manner& manner,
              TakeInput take, Stop stop, const std::function<void()>& leave_threads);
  /// Stops the thread. Note [Threads left behind].
  ~TextBatches();

  /// Empty after the last one. Throws as check_stop(), what the source and `take` throw, and
  /// Error(unreadable_input) for a text that OnLong::error refuses.
  std::optional<Texts> next();

  /// Inputs that were not taken.
  std::uint64_t passed_over() const;

 private:
  struct Pipeline;
  std::shared_ptr<Pipeline> pipeline_;
  Stop stop_;
};

}  // namespace llm2clip
