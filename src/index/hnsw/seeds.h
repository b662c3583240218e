#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace llm2clip {

/// The rows from which a search along links may begin: some of all, in eight bits a component, one
/// behind the other, so that a search looks at each of them.
///
/// Links lead from a row to its neighbors, hardly ever from one crowd of rows to another that is
/// far away. A search that always began at the same row would need a large expansion to get across.
class Seeds {
 public:
  /// How many of `rows` rows are seeds.
  static std::size_t count_of(std::size_t rows);

  explicit Seeds(std::size_t dim) : dim_(dim) {}

  void add(std::uint32_t slot, std::span<const std::uint16_t> row);
  /// The slots of those that are nearest to a query: `count` of them, or all.
  std::vector<std::uint32_t> nearest(std::span<const float> query, std::size_t count) const;

 private:
  std::size_t dim_;
  std::vector<std::uint32_t> slots_;
  std::vector<std::int8_t> values_;  // (seeds, dim)
  std::vector<float> scales_;
};

}  // namespace llm2clip
