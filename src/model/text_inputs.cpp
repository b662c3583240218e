#include "model/text_inputs.h"

#include <algorithm>

#include "llm2clip/error.h"

namespace llm2clip {
namespace {

[[noreturn]] void refuse_text(std::size_t text, const std::string& why) {
  throw Error(ErrorKind::invalid_argument, "tokens of text " + std::to_string(text) + ": " + why);
}

}  // namespace

void check_tokens(std::span<const Tokens> texts, std::int64_t vocabulary) {
  for (std::size_t text = 0; text < texts.size(); ++text) {
    const auto& [ids, pooled, truncated] = texts[text];
    if (ids.empty()) refuse_text(text, "a text without ids");
    if (pooled < 0 || static_cast<std::size_t>(pooled) > ids.size()) {
      refuse_text(text, std::to_string(pooled) + " are pooled of " + std::to_string(ids.size()));
    }
    const auto unknown = std::find_if(ids.begin(), ids.end(),
                                      [&](std::int64_t id) { return id < 0 || id >= vocabulary; });
    if (unknown == ids.end()) continue;
    refuse_text(text, "id " + std::to_string(*unknown) + " at position " +
                          std::to_string(unknown - ids.begin()) + ", ids are from 0 to " +
                          std::to_string(vocabulary - 1));
  }
}

Tokenized tokenize(const Tokenizer& tokenizer, Texts texts, const EncodeOptions& options) {
  Tokenized result;
  result.tokens.reserve(texts.size());
  result.inputs.reserve(texts.size());
  BatchLimit limit;
  const auto encode = [&](std::size_t text, std::size_t) {
    result.tokens.push_back(tokenizer.encode(texts[text]));
    result.inputs.push_back(text);
  };
  for_each_batch(texts.size(), 1, limit, encode, options.left_out);
  return result;
}

EncodeOptions for_inputs(const std::vector<std::size_t>& inputs, const EncodeOptions& options) {
  EncodeOptions result = options;
  if (options.left_out) {
    result.left_out = [&](std::size_t text, const Error& error) {
      options.left_out(inputs[text], error);
    };
  }
  return result;
}

Embeddings spread(const Embeddings& rows, const std::vector<std::size_t>& inputs,
                  std::size_t count) {
  Embeddings all(count, rows.dim());
  for (std::size_t row = 0; row < inputs.size(); ++row) {
    std::copy_n(rows[row].begin(), rows.dim(), all[inputs[row]].begin());
  }
  return all;
}

TokenBatch part_of(const TokenBatch& batch, std::size_t first, std::size_t count) {
  const auto start = batch.begin() + static_cast<std::ptrdiff_t>(first);
  return {start, start + static_cast<std::ptrdiff_t>(count)};
}

LeaveOut leave_out_of(const TokenBatch& batch, const EqualTexts& equal,
                      const EncodeOptions& options) {
  if (!options.left_out) return {};
  return [&](std::size_t row, const Error& error) {
    const std::size_t first = batch[row];
    for (std::size_t text = first; text < equal.first_of.size(); ++text) {
      if (equal.first_of[text] == first) options.left_out(text, error);
    }
  };
}

void repeat_rows(const EqualTexts& equal, Embeddings& rows) {
  for (std::size_t text = 0; text < equal.first_of.size(); ++text) {
    const std::size_t first = equal.first_of[text];
    if (first != text) std::copy_n(rows[first].begin(), rows.dim(), rows[text].begin());
  }
}

}  // namespace llm2clip
