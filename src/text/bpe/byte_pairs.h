#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
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
  static constexpr std::uint32_t kByteIds = 256;

  std::size_t slot_of(std::uint64_t pair) const;

  std::vector<Slot> slots_;  // a power of two, at most two thirds of them in use
  // Pairs of ids below 256 by both of them: in every published vocabulary these are the bytes, so
  // that the first pairs of a piece are here.
  std::vector<Merge> byte_pairs_;
  // A bit for each pair that merges. Most pairs of a text do not, and this is small enough to stay
  // in the processor's cache, where the slots are not.
  std::vector<std::uint64_t> filter_;
};

/// Merges neighbors until none merge: always the pair of lowest rank, the leftmost of several.
/// Keeps its memory from call to call.
///
/// Note [Windows]: a row of tokens is the encoding of its text if and only if each two neighbors
/// are, alone, the encoding of theirs. For as long as no step crosses their outer borders, the
/// steps of the whole inside the two are the steps of the two alone: what goes first among all goes
/// first among them. So a border that no encoding of two crosses is never crossed, and the other
/// way round. Therefore a long row is encoded in windows that overlap. Where two of them have a
/// token in common, the tokens of the one before it and those of the other from it on are the
/// encoding of both together. That makes long rows linear, and keeps what is worked on in the
/// processor's cache.
class PairMerger {
 public:
  /// Replaces `ids` by the merged ones, as tokenizers' Word::merge_all does. Linear in their number
  /// for what texts are made of, n log n at the worst.
  void merge(const MergeTable& table, std::vector<std::uint32_t>& ids);

 private:
  using Ids = std::span<const std::uint32_t>;
  struct Token {
    std::uint32_t id;
    std::uint32_t begin;  // place of its first id before merging
  };
  // Tokens of some ids, and where these end.
  struct Window {
    std::vector<Token> tokens;
    std::size_t end = 0;

    std::size_t end_of(std::size_t token) const {
      return token + 1 < tokens.size() ? tokens[token + 1].begin : end;
    }
  };

  struct Symbol {
    std::uint32_t id;
    std::uint32_t previous;
    std::uint32_t next;
    MergeTable::Merge with_next;
  };

  bool merge_in_windows(const MergeTable& table, Ids ids, std::size_t width);
  bool go_over_to_next_window(std::size_t border);
  void put_tokens(std::size_t end);

  void merge_window(const MergeTable& table, Ids ids, std::size_t begin, std::size_t end,
                    Window& window);
  void merge_by_scan(const MergeTable& table, std::vector<Token>& tokens);
  void merge_by_queue(const MergeTable& table, std::vector<Token>& tokens);
  void place(const MergeTable& table, const std::vector<Token>& tokens);
  void pair_with_next(std::uint32_t at, const MergeTable& table);
  void absorb_next(std::uint32_t at);

  Window window_, next_window_;
  std::size_t put_ = 0;  // how many tokens of window_ are in merged_ or belong to the window before
  std::vector<std::uint32_t> merged_;

  std::vector<MergeTable::Merge> with_next_;  // of the scan: of each token with the next one
  std::vector<Symbol> symbols_;               // of the queue
  std::vector<std::uint64_t> queue_;          // heap of (rank, position), lowest first
};

}  // namespace llm2clip
