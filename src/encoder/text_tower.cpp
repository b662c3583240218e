#include "encoder/text_tower.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "encoder/cpu/certain_threads.h"
#include "encoder/passes.h"
#include "encoder/text_parts.h"

namespace llm2clip {
namespace {

// Measured with a 1B tower: the products are as fast as with more rows, and what lies between them
// stays in the caches.
constexpr std::int64_t kTokensPerPass = 1024;
// With fewer, reading the weights once for each thread takes longer than sharing the products.
constexpr std::int64_t kTokensPerThread = 128;

// The tokens of the texts of `batch`, one behind the other.
at::Tensor lay_out_ids(std::span<const Tokens> texts, const TokenBatch& batch) {
  at::Tensor ids = at::empty({count_tokens(texts, batch)}, at::kLong);
  std::int64_t* out = ids.mutable_data_ptr<std::int64_t>();
  for (const std::size_t row : batch) {
    out = std::copy(texts[row].ids.begin(), texts[row].ids.end(), out);
  }
  return ids;
}

at::Tensor token_counts_of(std::span<const Tokens> texts, const TokenBatch& batch) {
  at::Tensor counts = at::empty({std::ssize(batch)}, at::kLong);
  std::transform(batch.begin(), batch.end(), counts.mutable_data_ptr<std::int64_t>(),
                 [&](std::size_t row) { return texts[row].ids.size(); });
  return counts;
}

bool have_equal_lengths(std::span<const Tokens> texts, const TokenBatch& batch) {
  return std::all_of(batch.begin(), batch.end(), [&](std::size_t row) {
    return texts[row].ids.size() == texts[batch.front()].ids.size();
  });
}

// With texts again until there are enough tokens (note [Least rows]).
Pass pass_of(std::span<const Tokens> texts, const TokenBatch& batch) {
  TokenBatch filled = batch;
  while (count_tokens(texts, filled) < least_rows(1)) filled.push_back(batch.front());
  return {.rows = lay_out_ids(texts, filled).unsqueeze(0),
          .token_counts = token_counts_of(texts, filled)};
}

// Of each text of `batch`; `hidden` has (1, tokens, H) of each part.
std::vector<at::Tensor> states_in_order(std::span<const Tokens> texts, const TokenBatch& batch,
                                        const std::vector<TokenBatch>& parts,
                                        const std::vector<at::Tensor>& hidden) {
  std::unordered_map<std::size_t, at::Tensor> states;
  for (std::size_t part = 0; part < parts.size(); ++part) {
    std::int64_t first = 0;
    for (const std::size_t row : parts[part]) {
      const std::int64_t tokens = std::ssize(texts[row].ids);
      states[row] = hidden[part][0].narrow(0, first, tokens);
      first += tokens;
    }
  }
  std::vector<at::Tensor> in_order;
  for (const std::size_t row : batch) in_order.push_back(states.at(row));
  return in_order;
}

}  // namespace

TextTower::TextTower(TorchModule module, std::size_t width)
    : module_(std::move(module)), width_(width) {}

at::Tensor TextTower::operator()(std::span<const Tokens> texts, const TokenBatch& batch,
                                 const Stop& stop) const {
  LLM2CLIP_CHECK(!batch.empty());
  if (!have_equal_lengths(texts, batch)) return forward_any_lengths(texts, batch, stop);
  const at::Tensor ids = lay_out_ids(texts, batch);
  return (*this)(ids.view({std::ssize(batch), -1}), stop).flatten(0, 1);
}

at::Tensor TextTower::operator()(const at::Tensor& ids, const Stop& stop) const {
  const CertainThreads threads;
  const std::int64_t tokens = ids.size(1);  // T
  const std::int64_t least = least_rows(tokens);
  const at::Tensor filled = fill_up_rows(ids, least);
  // Parts are of nearly equal size: with twice the least rows at once none has fewer than those.
  const PassSizes sizes = {.most = std::max(2 * least, kTokensPerPass / tokens),
                           .least = std::max(least, kTokensPerThread / tokens)};
  const at::Tensor hidden = forward_in_passes(module_, filled, sizes, stop);
  module_.expect_shape(hidden, {filled.size(0), tokens, static_cast<std::int64_t>(width_)});
  return hidden.narrow(0, 0, ids.size(0));
}

at::Tensor TextTower::forward_any_lengths(std::span<const Tokens> texts, const TokenBatch& batch,
                                          const Stop& stop) const {
  const CertainThreads certain;
  const c10::InferenceMode inference;
  const auto [parts, threads] = part_texts(texts, batch, kTokensPerPass, kTokensPerThread);
  std::vector<Pass> passes;
  for (const TokenBatch& part : parts) passes.push_back(pass_of(texts, part));
  const std::vector<at::Tensor> hidden = forward_each(module_, passes, threads, stop);
  for (std::size_t i = 0; i < passes.size(); ++i) {
    const std::int64_t tokens = passes[i].rows.size(1);
    module_.expect_shape(hidden[i], {1, tokens, static_cast<std::int64_t>(width_)});
  }
  return at::cat(states_in_order(texts, batch, parts, hidden));
}

}  // namespace llm2clip
