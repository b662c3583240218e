#include "text/byte_pairs.h"

#include <random>

#include "support/catch.h"

namespace llm2clip {
namespace {

using Ids = std::vector<std::uint32_t>;

Ids merged(const MergeTable& table, Ids ids) {
  PairMerger merger;
  merger.merge(table, ids);
  return ids;
}

// The definition: the leftmost pair of the lowest rank, again and again.
Ids merged_slowly(const MergeTable& table, Ids ids) {
  while (true) {
    MergeTable::Merge best;
    std::size_t at = 0;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const MergeTable::Merge merge = table.find(ids[i], ids[i + 1]);
      if (merge.rank < best.rank) best = merge, at = i;
    }
    if (best.rank == MergeTable::kNoRank) return ids;
    ids[at] = best.id;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

TEST_CASE("the lowest rank merges first, and the leftmost of equal ones", "[text][byte_pairs]") {
  MergeTable table(3);
  CHECK(table.add(1, 1, {0, 2}));
  CHECK(table.add(2, 1, {1, 3}));
  CHECK(table.add(2, 2, {2, 4}));
  CHECK(merged(table, {1, 1, 1}) == Ids{3});  // (1 1) 1, not 1 (1 1)
  CHECK(merged(table, {1, 1, 1, 1}) == Ids{4});
  CHECK(merged(table, {1, 1, 1, 1, 1}) == Ids({2, 3}));
  CHECK(merged(table, {5, 1}) == Ids({5, 1}));
  CHECK(merged(table, {1}) == Ids{1});
  CHECK(merged(table, {}).empty());
}

TEST_CASE("a merge table takes a pair once", "[text][byte_pairs]") {
  MergeTable table(2);
  CHECK(table.add(1, 2, {0, 3}));
  CHECK_FALSE(table.add(1, 2, {1, 4}));
  CHECK(table.find(1, 2).id == 3);
  CHECK(table.find(2, 1).rank == MergeTable::kNoRank);
}

TEST_CASE("the queue finds what the plain loop finds", "[text][byte_pairs]") {
  std::mt19937 random(11);
  for (int round = 0; round < 200; ++round) {
    // Ids stand for strings over a small alphabet, as in a vocabulary: one string, one id.
    std::vector<std::string> names = {"a", "b", "c"};
    MergeTable table(40);
    for (std::uint32_t rank = 0; rank < 40; ++rank) {
      const auto left = static_cast<std::uint32_t>(random() % names.size());
      const auto right = static_cast<std::uint32_t>(random() % names.size());
      const std::string name = names[left] + names[right];
      const auto known = std::find(names.begin(), names.end(), name);
      const auto id = static_cast<std::uint32_t>(known - names.begin());
      if (table.add(left, right, {rank, id}) && known == names.end()) names.push_back(name);
    }
    for (int text = 0; text < 50; ++text) {
      Ids ids(random() % 60);
      for (std::uint32_t& id : ids) id = static_cast<std::uint32_t>(random() % 3);
      CHECK(merged(table, ids) == merged_slowly(table, ids));
    }
  }
}

}  // namespace
}  // namespace llm2clip
