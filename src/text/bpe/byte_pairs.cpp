#include "text/bpe/byte_pairs.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <utility>

#include "llm2clip/error.h"

namespace llm2clip {
namespace {

constexpr std::uint32_t kNone = 0xFFFFFFFF;
constexpr std::size_t kScanned = 64;  // up to so many ids, to look at all ranks is fastest
constexpr std::size_t kWindow = 256;  // ids

std::uint64_t joined(std::uint32_t high, std::uint32_t low) {
  return (std::uint64_t{high} << 32) | low;
}

// Fibonacci hashing: the high half of the product mixes all bits of both ids.
std::size_t hash_of(std::uint64_t pair) {
  return static_cast<std::size_t>((pair * 0x9E3779B97F4A7C15U) >> 32);
}

}  // namespace

MergeTable::MergeTable(std::size_t count)
    : slots_(std::bit_ceil(count + count / 2 + 1)),
      byte_pairs_(std::size_t{kByteIds} * kByteIds),
      filter_(std::bit_ceil(count / 8 + 1)) {}

// Where the pair is, or the free slot where it belongs.
std::size_t MergeTable::slot_of(std::uint64_t pair) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash_of(pair) & mask;
  while (slots_[slot].pair != pair && slots_[slot].pair != kFree) slot = (slot + 1) & mask;
  return slot;
}

bool MergeTable::add(std::uint32_t left, std::uint32_t right, Merge merge) {
  const std::uint64_t pair = joined(left, right);
  Slot& slot = slots_[slot_of(pair)];
  if (slot.pair != kFree) return false;
  slot = {pair, merge};
  const std::size_t hash = hash_of(pair);
  filter_[hash / 64 & (filter_.size() - 1)] |= std::uint64_t{1} << hash % 64;
  if (left < kByteIds && right < kByteIds) byte_pairs_[left * kByteIds + right] = merge;
  return true;
}

MergeTable::Merge MergeTable::find(std::uint32_t left, std::uint32_t right) const {
  if (left < kByteIds && right < kByteIds) return byte_pairs_[left * kByteIds + right];
  const std::uint64_t pair = joined(left, right);
  const std::size_t hash = hash_of(pair);
  if ((filter_[hash / 64 & (filter_.size() - 1)] >> hash % 64 & 1) == 0) return {};
  const Slot& slot = slots_[slot_of(pair)];
  return slot.pair == kFree ? Merge{} : slot.merge;
}

void PairMerger::merge(const MergeTable& table, std::vector<std::uint32_t>& ids) {
  if (ids.size() < 2) return;
  if (ids.size() >= kNone) {
    throw Error(
        ErrorKind::unreadable_input,
        "text: a word of it has " + std::to_string(ids.size()) + " bytes; leave it out or cut it");
  }
  std::size_t width = kWindow;
  while (!merge_in_windows(table, ids, width)) width *= 2;
  ids.assign(merged_.begin(), merged_.end());
}

// False when two neighboring windows have no token in common; a single window always succeeds.
bool PairMerger::merge_in_windows(const MergeTable& table, Ids ids, std::size_t width) {
  merged_.clear();
  put_ = 0;
  merge_window(table, ids, 0, std::min(width, ids.size()), window_);
  while (window_.end < ids.size()) {
    // The last tokens of a window may be wrong, so the next one begins before them.
    std::size_t border = window_.tokens.size() - 1;
    while (window_.tokens[border].begin > window_.end - width / 4) --border;
    const std::size_t begin = window_.tokens[border].begin;
    if (begin + width <= window_.end) return false;
    merge_window(table, ids, begin, std::min(begin + width, ids.size()), next_window_);
    if (!go_over_to_next_window(border)) return false;
  }
  put_tokens(window_.tokens.size());
  return true;
}

// At the first token that both windows have, from `border` on.
bool PairMerger::go_over_to_next_window(std::size_t border) {
  std::size_t here = std::max(border, put_), there = 0;
  while (here < window_.tokens.size() && there < next_window_.tokens.size()) {
    const auto [id, begin] = window_.tokens[here];
    const auto [next_id, next_begin] = next_window_.tokens[there];
    const bool same_end = window_.end_of(here) == next_window_.end_of(there);
    if (id == next_id && begin == next_begin && same_end) {
      put_tokens(here);
      std::swap(window_, next_window_);
      put_ = there;
      return true;
    }
    if (begin <= next_begin) ++here;
    if (next_begin <= begin) ++there;
  }
  return false;
}

void PairMerger::put_tokens(std::size_t end) {
  for (; put_ < end; ++put_) merged_.push_back(window_.tokens[put_].id);
}

void PairMerger::merge_window(const MergeTable& table, Ids ids, std::size_t begin, std::size_t end,
                              Window& window) {
  window.end = end;
  window.tokens.clear();
  for (std::size_t at = begin; at < end; ++at) {
    window.tokens.push_back({ids[at], static_cast<std::uint32_t>(at)});
  }
  if (window.tokens.size() <= kScanned) {
    merge_by_scan(table, window.tokens);
  } else {
    merge_by_queue(table, window.tokens);
  }
}

void PairMerger::merge_by_scan(const MergeTable& table, std::vector<Token>& tokens) {
  const auto pair_with_next = [&](std::size_t at) {
    with_next_[at] = table.find(tokens[at].id, tokens[at + 1].id);
  };
  with_next_.resize(tokens.size() - 1);
  for (std::size_t at = 0; at + 1 < tokens.size(); ++at) pair_with_next(at);
  while (!with_next_.empty()) {
    const auto best = std::ranges::min_element(with_next_, {}, &MergeTable::Merge::rank);
    if (best->rank == MergeTable::kNoRank) return;
    const auto at = static_cast<std::size_t>(best - with_next_.begin());
    tokens[at].id = best->id;
    tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    with_next_.erase(best);
    if (at > 0) pair_with_next(at - 1);
    if (at < with_next_.size()) pair_with_next(at);
  }
}

void PairMerger::merge_by_queue(const MergeTable& table, std::vector<Token>& tokens) {
  place(table, tokens);
  std::make_heap(queue_.begin(), queue_.end(), std::greater<>());
  while (!queue_.empty()) {
    std::pop_heap(queue_.begin(), queue_.end(), std::greater<>());
    const auto rank = static_cast<std::uint32_t>(queue_.back() >> 32);
    const auto at = static_cast<std::uint32_t>(queue_.back());
    queue_.pop_back();
    // An entry is stale when one of its two symbols has been merged since: a symbol only grows, so
    // the pair at this position never has this rank again.
    if (symbols_[at].with_next.rank != rank) continue;
    absorb_next(at);
    pair_with_next(at, table);
    if (symbols_[at].previous != kNone) pair_with_next(symbols_[at].previous, table);
  }
  std::size_t count = 0;
  for (std::uint32_t at = 0; at != kNone; at = symbols_[at].next) {
    tokens[count++] = {symbols_[at].id, tokens[at].begin};
  }
  tokens.resize(count);
}

void PairMerger::place(const MergeTable& table, const std::vector<Token>& tokens) {
  const auto count = static_cast<std::uint32_t>(tokens.size());
  symbols_.resize(count);
  queue_.clear();
  for (std::uint32_t at = 0; at < count; ++at) {
    symbols_[at] = {tokens[at].id, at - 1, at + 1, {}};  // 0 - 1 is kNone
  }
  symbols_[count - 1].next = kNone;
  for (std::uint32_t at = 0; at + 1 < count; ++at) {
    symbols_[at].with_next = table.find(tokens[at].id, tokens[at + 1].id);
    const std::uint32_t rank = symbols_[at].with_next.rank;
    if (rank != MergeTable::kNoRank) queue_.push_back(joined(rank, at));
  }
}

void PairMerger::pair_with_next(std::uint32_t at, const MergeTable& table) {
  Symbol& symbol = symbols_[at];
  symbol.with_next = {};
  if (symbol.next == kNone) return;
  symbol.with_next = table.find(symbol.id, symbols_[symbol.next].id);
  if (symbol.with_next.rank == MergeTable::kNoRank) return;
  queue_.push_back(joined(symbol.with_next.rank, at));
  std::push_heap(queue_.begin(), queue_.end(), std::greater<>());
}

void PairMerger::absorb_next(std::uint32_t at) {
  Symbol& symbol = symbols_[at];
  Symbol& absorbed = symbols_[symbol.next];
  symbol.id = symbol.with_next.id;
  symbol.next = absorbed.next;
  absorbed.with_next = {};
  if (symbol.next != kNone) symbols_[symbol.next].previous = at;
}

}  // namespace llm2clip
