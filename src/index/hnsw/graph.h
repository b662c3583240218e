#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "index/best_rows.h"

namespace llm2clip {

/// A bit for each row: the rows that were removed.
using RemovedRows = std::vector<bool>;

/// Rows that are linked with some of those that are near them, in levels of which each has fewer
/// (HNSW: Malkov and Yashunin, 2016). A search goes along the links from what it has to what is
/// nearer to the query, and sees a small share of the rows.
///
/// It knows rows by their numbers, and asks for their components where they lie in float16; what
/// write() writes is links alone, some 150 bytes a row whatever the dim.
class Graph {
 public:
  /// Where the components of a row are: dim halves, which stay while the graph lives.
  using RowAt = std::function<const std::uint16_t*(std::uint64_t row)>;
  /// Rows have numbers below this.
  static constexpr std::uint64_t kRowLimit = 0xffff'fff0;

  /// Without rows.
  Graph(std::size_t dim, RowAt row_at);
  /// A copy of what write() wrote, of rows below `row_limit`. Links that lead nowhere, and whatever
  /// else would lead a search out of the graph: Error(unreadable_input) saying what is wrong.
  static Graph read(std::span<const std::byte> bytes, std::size_t dim, std::uint64_t row_limit,
                    RowAt row_at);
  /// The same where it lies, for as long as the bytes do. No rows can be added.
  static Graph view(std::span<const std::byte> bytes, std::size_t dim, std::uint64_t row_limit,
                    RowAt row_at);
  Graph(Graph&&) noexcept;
  ~Graph();

  /// Links rows, in `threads` threads; which links there are depends on who comes first. `progress`
  /// is called in this thread with how many are done: false ends it with Error(cancelled), and then
  /// the graph is of no use.
  void add(std::span<const std::uint64_t> rows, std::size_t threads,
           const std::function<bool(std::size_t done)>& progress);
  void write(const std::function<void(std::span<const std::byte>)>& take) const;

  /// Some of the rows that are nearest to a query, with their products to rounding: the more
  /// `expansion`, the better; no fewer than the expansion, where the graph has them. May be called
  /// from several threads.
  std::vector<Candidate> search(std::span<const float> query, std::size_t expansion,
                                const RemovedRows& hidden) const;

 private:
  struct Impl;
  explicit Graph(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace llm2clip
