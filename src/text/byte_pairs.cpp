#include "text/byte_pairs.h"

#include <algorithm>
#include <bit>
#include <functional>

#include "check.h"

namespace llm2clip {
namespace {

constexpr std::uint32_t kNone = 0xFFFFFFFF;

std::uint64_t joined(std::uint32_t high, std::uint32_t low) {
  return (std::uint64_t{high} << 32) | low;
}

}  // namespace

MergeTable::MergeTable(std::size_t count) : slots_(std::bit_ceil(2 * count + 1)) {}

// Where the pair is, or the free slot where it belongs. Fibonacci hashing: the high half of the
// product mixes all bits of both ids.
std::size_t MergeTable::slot_of(std::uint64_t pair) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = static_cast<std::size_t>((pair * 0x9E3779B97F4A7C15U) >> 32) & mask;
  while (slots_[slot].pair != pair && slots_[slot].pair != kFree) slot = (slot + 1) & mask;
  return slot;
}

bool MergeTable::add(std::uint32_t left, std::uint32_t right, Merge merge) {
  Slot& slot = slots_[slot_of(joined(left, right))];
  if (slot.pair != kFree) return false;
  slot = {joined(left, right), merge};
  return true;
}

MergeTable::Merge MergeTable::find(std::uint32_t left, std::uint32_t right) const {
  const Slot& slot = slots_[slot_of(joined(left, right))];
  return slot.pair == kFree ? Merge{} : slot.merge;
}

void PairMerger::merge(const MergeTable& table, std::vector<std::uint32_t>& ids) {
  if (ids.size() < 2) return;
  place(ids, table);
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
  ids.clear();
  for (std::uint32_t at = 0; at != kNone; at = symbols_[at].next) ids.push_back(symbols_[at].id);
}

void PairMerger::place(const std::vector<std::uint32_t>& ids, const MergeTable& table) {
  LLM2CLIP_CHECK(ids.size() < kNone);
  const auto count = static_cast<std::uint32_t>(ids.size());
  symbols_.resize(count);
  queue_.clear();
  for (std::uint32_t at = 0; at < count; ++at) {
    symbols_[at] = {ids[at], at - 1, at + 1, {}};  // 0 - 1 is kNone
  }
  symbols_[count - 1].next = kNone;
  for (std::uint32_t at = 0; at + 1 < count; ++at) {
    symbols_[at].with_next = table.find(ids[at], ids[at + 1]);
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
