#include "text/batches.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace llm2clip {

std::vector<TokenBatch> equal_length_batches(std::span<const Tokens> texts,
                                             std::size_t batch_tokens) {
  std::vector<std::size_t> rows(texts.size());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  return equal_length_batches(texts, std::move(rows), batch_tokens);
}

std::vector<TokenBatch> equal_length_batches(std::span<const Tokens> texts,
                                             std::vector<std::size_t> rows,
                                             std::size_t batch_tokens) {
  std::stable_sort(rows.begin(), rows.end(), [&](std::size_t a, std::size_t b) {
    return texts[a].ids.size() > texts[b].ids.size();
  });

  std::vector<TokenBatch> batches;
  for (const std::size_t row : rows) {
    const std::size_t count = texts[row].ids.size();
    const bool starts_batch = batches.empty() || batches.back().token_count != count ||
                              (batches.back().rows.size() + 1) * count > batch_tokens;
    if (starts_batch) batches.push_back({.token_count = count, .rows = {}});
    batches.back().rows.push_back(row);
  }
  return batches;
}

EqualTexts find_equal_texts(std::span<const Tokens> texts) {
  const auto hash = [&](std::size_t text) {
    const std::vector<std::int64_t>& ids = texts[text].ids;
    const std::string_view bytes(reinterpret_cast<const char*>(ids.data()),
                                 ids.size() * sizeof(std::int64_t));
    return std::hash<std::string_view>()(bytes);
  };
  const auto equal = [&](std::size_t a, std::size_t b) {
    return texts[a].pooled == texts[b].pooled && texts[a].ids == texts[b].ids;
  };
  std::unordered_set<std::size_t, decltype(hash), decltype(equal)> seen(texts.size(), hash, equal);
  EqualTexts result;
  for (std::size_t text = 0; text < texts.size(); ++text) {
    const auto [first, fresh] = seen.insert(text);
    result.first_of.push_back(*first);
    if (fresh) result.distinct.push_back(text);
  }
  return result;
}

}  // namespace llm2clip
