#pragma once

#include <cstdint>
#include <vector>

namespace llm2clip {

/// The merges of a byte-pair encoding: which two ids make which third, and which merge goes first.
class MergeTable {
 public:
  static constexpr std::uint32_t kNoRank = 0xFFFFFFFF;

  struct Merge {
    std::uint32_t rank = kNoRank;  ///< lowest first; kNoRank when the two do not merge
    std::uint32_t id = 0;
  };

  /// Room for `count` merges.
  explicit MergeTable(std::size_t count);

  /// False when the pair is there already. Ids are below 2^31.
  bool add(std::uint32_t left, std::uint32_t right, Merge merge);
  Merge find(std::uint32_t left, std::uint32_t right) const;

 private:
  struct Slot {
    std::uint64_t pair = kFree;
    Merge merge;
  };
  static constexpr std::uint64_t kFree = ~std::uint64_t{0};

  std::size_t slot_of(std::uint64_t pair) const;

  std::vector<Slot> slots_;  // a power of two, at most half of them in use
};

/// Merges neighbours until none merge: always the pair of lowest rank, the leftmost of several.
/// n log n in the number of ids. Keeps its memory from call to call, so that a text allocates once.
class PairMerger {
 public:
  /// Replaces `ids` by the merged ones, as tokenizers' Word::merge_all does.
  void merge(const MergeTable& table, std::vector<std::uint32_t>& ids);

 private:
  struct Symbol {
    std::uint32_t id;
    std::uint32_t previous;
    std::uint32_t next;
    MergeTable::Merge with_next;
  };

  void place(const std::vector<std::uint32_t>& ids, const MergeTable& table);
  void pair_with_next(std::uint32_t at, const MergeTable& table);
  void absorb_next(std::uint32_t at);

  std::vector<Symbol> symbols_;
  std::vector<std::uint64_t> queue_;  // heap of (rank, position), lowest first
};

}  // namespace llm2clip
