#include "text/batches.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace llm2clip {

std::vector<TokenBatch> token_batches(std::span<const Tokens> texts, Lengths lengths,
                                      std::size_t batch_tokens) {
  std::vector<std::size_t> rows(texts.size());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  return token_batches(texts, std::move(rows), lengths, batch_tokens);
}

std::vector<TokenBatch> token_batches(std::span<const Tokens> texts, std::vector<std::size_t> rows,
                                      Lengths lengths, std::size_t batch_tokens) {
  const auto count_of = [&](std::size_t row) { return texts[row].ids.size(); };
  std::stable_sort(rows.begin(), rows.end(),
                   [&](std::size_t a, std::size_t b) { return count_of(a) > count_of(b); });

  std::vector<TokenBatch> batches;
  std::size_t tokens = 0;  // of the last batch
  for (const std::size_t row : rows) {
    const std::size_t count = count_of(row);
    const bool starts_batch = batches.empty() || tokens + count > batch_tokens ||
                              (lengths == Lengths::equal && count_of(batches.back()[0]) != count);
    if (starts_batch) {
      batches.emplace_back();
      tokens = 0;
    }
    tokens += count;
    batches.back().push_back(row);
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
