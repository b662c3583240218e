#include "text/batches.h"

#include <algorithm>
#include <numeric>

namespace llm2clip {

std::vector<TokenBatch> equal_length_batches(std::span<const Tokens> texts,
                                             std::size_t batch_tokens) {
  std::vector<std::size_t> order(texts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return texts[a].ids.size() > texts[b].ids.size();
  });

  std::vector<TokenBatch> batches;
  for (const std::size_t row : order) {
    const std::size_t count = texts[row].ids.size();
    const bool starts_batch = batches.empty() || batches.back().token_count != count ||
                              (batches.back().rows.size() + 1) * count > batch_tokens;
    if (starts_batch) batches.push_back({.token_count = count, .rows = {}});
    batches.back().rows.push_back(row);
  }
  return batches;
}

}  // namespace llm2clip
