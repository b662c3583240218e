#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "llm2clip/embeddings.h"
#include "llm2clip/model.h"
#include "model/batch_limit.h"
#include "text/batches.h"

namespace llm2clip {

// Which of a call's texts go through the text tower, and which rows of the result they are.

/// Throws Error(invalid_argument) naming the text for one without ids, with an id that is not below
/// `vocabulary`, or whose `pooled` is not in 0..T.
void check_tokens(std::span<const Tokens> texts, std::int64_t vocabulary);

/// Texts whose tokens memory sufficed for, and which of the inputs they are.
struct Tokenized {
  std::vector<Tokens> tokens;
  std::vector<std::size_t> inputs;
};

/// Calls EncodeOptions::left_out for the others.
Tokenized tokenize(const Tokenizer& tokenizer, Texts texts, const EncodeOptions& options);

/// `options` for a call with those of the inputs alone.
EncodeOptions for_inputs(const std::vector<std::size_t>& inputs, const EncodeOptions& options);

/// The rows of all `count` inputs: zeros for those that have none.
Embeddings spread(const Embeddings& rows, const std::vector<std::size_t>& inputs,
                  std::size_t count);

/// `count` of the texts of a batch from the one at `first` on.
TokenBatch part_of(const TokenBatch& batch, std::size_t first, std::size_t count);

/// Tells EncodeOptions::left_out of a text of `batch` that does not fit, and of all that are equal
/// to it. The arguments must outlive what is returned.
LeaveOut leave_out_of(const TokenBatch& batch, const EqualTexts& equal,
                      const EncodeOptions& options);

/// Copies the row of the first of equal texts to the others.
void repeat_rows(const EqualTexts& equal, Embeddings& rows);

}  // namespace llm2clip
