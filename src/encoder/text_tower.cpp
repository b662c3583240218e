#include "encoder/text_tower.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "encoder/cpu/certain_threads.h"
#include "encoder/cpu/parallel.h"
#include "encoder/passes.h"

namespace llm2clip {
namespace {

// Measured with a 1B tower: the products are as fast as with more rows, and what lies between them
// stays in the caches.
constexpr std::int64_t kTokensPerPass = 1024;
// With fewer, reading the weights once for each thread takes longer than sharing the products.
constexpr std::int64_t kTokensPerThread = 128;

// The tokens of the texts of `batch`, one behind the other.
at::Tensor lay_out_ids(std::span<const Tokens> texts, std::span<const std::size_t> batch) {
  std::size_t tokens = 0;
  for (const std::size_t row : batch) tokens += texts[row].ids.size();
  at::Tensor ids = at::empty({static_cast<std::int64_t>(tokens)}, at::kLong);
  std::int64_t* out = ids.mutable_data_ptr<std::int64_t>();
  for (const std::size_t row : batch) {
    out = std::copy(texts[row].ids.begin(), texts[row].ids.end(), out);
  }
  return ids;
}

at::Tensor token_counts_of(std::span<const Tokens> texts, std::span<const std::size_t> batch) {
  at::Tensor counts = at::empty({static_cast<std::int64_t>(batch.size())}, at::kLong);
  std::transform(batch.begin(), batch.end(), counts.mutable_data_ptr<std::int64_t>(),
                 [&](std::size_t row) { return texts[row].ids.size(); });
  return counts;
}

std::int64_t count_tokens(std::span<const Tokens> texts, std::span<const std::size_t> batch) {
  std::int64_t tokens = 0;
  for (const std::size_t row : batch) tokens += std::ssize(texts[row].ids);
  return tokens;
}

bool have_equal_lengths(std::span<const Tokens> texts, const TokenBatch& batch) {
  return std::all_of(batch.begin(), batch.end(), [&](std::size_t row) {
    return texts[row].ids.size() == texts[batch.front()].ids.size();
  });
}

// `count` parts of about as many tokens each.
std::vector<TokenBatch> split_by_tokens(std::span<const Tokens> texts, const TokenBatch& batch,
                                        std::int64_t count) {
  const std::int64_t all = count_tokens(texts, batch);
  std::vector<TokenBatch> parts(1);
  std::int64_t tokens = 0;  // of all parts so far
  for (const std::size_t row : batch) {
    // The part ends at the text that would reach over its share by more than its half.
    const std::int64_t middle = tokens + std::ssize(texts[row].ids) / 2;
    if (!parts.back().empty() && middle * count > std::ssize(parts) * all) parts.emplace_back();
    parts.back().push_back(row);
    tokens += std::ssize(texts[row].ids);
  }
  return parts;
}

// What threads compute at once: each a part of its own, or all of them one after the other.
struct Shares {
  std::vector<TokenBatch> parts;
  std::int64_t threads;
};

// Parts of their own as in forward_in_passes: where no thread would wait long for another.
Shares share(std::span<const Tokens> texts, const TokenBatch& batch) {
  const std::int64_t threads = at::get_num_threads();
  const std::int64_t all = count_tokens(texts, batch);
  if (threads > 1 && all / threads >= kTokensPerThread) {
    const std::int64_t rounds = at::divup(at::divup(all, threads), kTokensPerPass);
    std::vector<TokenBatch> parts = split_by_tokens(texts, batch, rounds * threads);
    std::int64_t most = 0;
    for (const TokenBatch& part : parts) most = std::max(most, count_tokens(texts, part));
    const std::int64_t idle = most * rounds * threads - all;
    if (std::ssize(parts) == rounds * threads && idle * 8 <= all) {
      return {std::move(parts), threads};
    }
  }
  return {split_by_tokens(texts, batch, at::divup(all, kTokensPerPass)), 1};
}

// With texts again until there are enough tokens (note [Least rows]).
Pass pass_of(std::span<const Tokens> texts, const TokenBatch& batch) {
  TokenBatch filled = batch;
  while (count_tokens(texts, filled) < least_rows(1)) filled.push_back(batch.front());
  return {.rows = lay_out_ids(texts, filled).unsqueeze(0),
          .token_counts = token_counts_of(texts, filled)};
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
  const auto [parts, threads] = share(texts, batch);
  std::vector<Pass> passes;
  for (const TokenBatch& part : parts) passes.push_back(pass_of(texts, part));
  std::vector<at::Tensor> hidden = forward_each(module_, passes, threads, stop);
  for (std::size_t pass = 0; pass < parts.size(); ++pass) {
    const std::int64_t tokens = passes[pass].rows.size(1);
    module_.expect_shape(hidden[pass], {1, tokens, static_cast<std::int64_t>(width_)});
    hidden[pass] = hidden[pass][0].narrow(0, 0, count_tokens(texts, parts[pass]));
  }
  return at::cat(hidden);
}

}  // namespace llm2clip
