#include "encoder/text_parts.h"

#include <algorithm>
#include <utility>

#include "encoder/cpu/parallel.h"
#include "encoder/passes.h"

namespace llm2clip {
namespace {

// At most `count` parts: each text, the longest first, goes to the one that has the fewest tokens.
std::vector<TokenBatch> deal_out(std::span<const Tokens> texts, const TokenBatch& batch,
                                 std::int64_t count) {
  std::vector<TokenBatch> parts(static_cast<std::size_t>(std::min(count, std::ssize(batch))));
  std::vector<std::int64_t> tokens(parts.size(), 0);
  for (const std::size_t row : batch) {
    const auto least = std::min_element(tokens.begin(), tokens.end()) - tokens.begin();
    parts[static_cast<std::size_t>(least)].push_back(row);
    tokens[static_cast<std::size_t>(least)] += std::ssize(texts[row].ids);
  }
  return parts;
}

std::int64_t most_tokens(std::span<const Tokens> texts, const std::vector<TokenBatch>& parts) {
  std::int64_t most = 0;
  for (const TokenBatch& part : parts) most = std::max(most, count_tokens(texts, part));
  return most;
}

// The fewest times `step` that have at most `tokens_per_pass` tokens each, or a text each.
std::vector<TokenBatch> parts_within(std::span<const Tokens> texts, const TokenBatch& batch,
                                     std::int64_t tokens_per_pass, std::int64_t step) {
  const std::int64_t least = at::divup(count_tokens(texts, batch), tokens_per_pass);
  for (std::int64_t count = at::divup(least, step) * step;; count += step) {
    std::vector<TokenBatch> parts = deal_out(texts, batch, count);
    const bool all_apart = std::ssize(parts) == std::ssize(batch);
    if (all_apart || most_tokens(texts, parts) <= tokens_per_pass) return parts;
  }
}

}  // namespace

std::int64_t count_tokens(std::span<const Tokens> texts, const TokenBatch& batch) {
  std::int64_t tokens = 0;
  for (const std::size_t row : batch) tokens += std::ssize(texts[row].ids);
  return tokens;
}

TextParts part_texts(std::span<const Tokens> texts, const TokenBatch& batch,
                     std::int64_t tokens_per_pass, std::int64_t tokens_per_thread) {
  const std::int64_t threads = at::get_num_threads();
  const std::int64_t tokens = count_tokens(texts, batch);
  if (threads > 1 && tokens / threads >= tokens_per_thread) {
    std::vector<TokenBatch> parts = parts_within(texts, batch, tokens_per_pass, threads);
    if (std::ssize(parts) % threads == 0 &&
        wait_briefly(std::ssize(parts), most_tokens(texts, parts), tokens)) {
      return {std::move(parts), threads};
    }
  }
  return {parts_within(texts, batch, tokens_per_pass, 1), 1};
}

}  // namespace llm2clip
