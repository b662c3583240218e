#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "llm2clip/tokenizer.h"
#include "text/batches.h"

namespace llm2clip {

/// How texts of any lengths go through a network on a CPU.
struct TextParts {
  std::vector<TokenBatch> parts;  ///< each a pass
  std::int64_t threads;           ///< that take passes of their own; one: all threads share each
};

/// In passes of at most `tokens_per_pass` (a longer text is one alone), on a thread each where it
/// gets `tokens_per_thread` and none would wait long for another (note [A pass a thread]). A part
/// has long texts and short ones, because attention costs a long one more.
TextParts part_texts(std::span<const Tokens> texts, const TokenBatch& batch,
                     std::int64_t tokens_per_pass, std::int64_t tokens_per_thread);

std::int64_t count_tokens(std::span<const Tokens> texts, const TokenBatch& batch);

}  // namespace llm2clip
