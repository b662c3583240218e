#include "text/bpe/byte_pairs.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <string>

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

// Ids stand for strings over a small alphabet, as in a vocabulary: one string, one id. Ranks do not
// follow the lengths: a pair may merge before its parts come about.
MergeTable random_table(std::mt19937& random, std::uint32_t letters, std::uint32_t merges) {
  std::vector<std::string> names;
  for (std::uint32_t letter = 0; letter < letters; ++letter) {
    names.emplace_back(1, static_cast<char>('a' + letter));
  }
  std::vector<std::uint32_t> ranks(merges);
  std::iota(ranks.begin(), ranks.end(), 0U);
  if (random() % 2 == 0) std::shuffle(ranks.begin(), ranks.end(), random);
  MergeTable table(merges);
  for (const std::uint32_t rank : ranks) {
    const auto left = static_cast<std::uint32_t>(random() % names.size());
    const auto right = static_cast<std::uint32_t>(random() % names.size());
    const std::string name = names[left] + names[right];
    const auto known = std::find(names.begin(), names.end(), name);
    const auto id = static_cast<std::uint32_t>(known - names.begin());
    if (table.add(left, right, {rank, id}) && known == names.end()) names.push_back(name);
  }
  return table;
}

Ids random_ids(std::mt19937& random, std::uint32_t letters, std::size_t size) {
  Ids ids(size);
  for (std::uint32_t& id : ids) id = static_cast<std::uint32_t>(random() % letters);
  return ids;
}

TEST_CASE("short rows are merged as the plain loop merges them", "[text][byte_pairs]") {
  std::mt19937 random(11);
  for (int round = 0; round < 200; ++round) {
    const MergeTable table = random_table(random, 3, 40);
    for (int text = 0; text < 50; ++text) {
      const Ids ids = random_ids(random, 3, random() % 60);
      CHECK(merged(table, ids) == merged_slowly(table, ids));
    }
  }
}

// The sizes around which another way is taken, and rows of several windows.
TEST_CASE("rows of any size are merged as the plain loop merges them", "[text][byte_pairs]") {
  std::mt19937 random(12);
  for (int round = 0; round < 60; ++round) {
    const std::uint32_t letters = 1 + round % 4;
    const MergeTable table = random_table(random, letters, 60);
    for (const std::size_t size : {63U, 64U, 65U, 255U, 256U, 257U, 448U, 700U, 1500U}) {
      const Ids ids = random_ids(random, letters, size);
      CHECK(merged(table, ids) == merged_slowly(table, ids));
    }
  }
}

TEST_CASE("tokens wider than a window are found", "[text][byte_pairs]") {
  MergeTable table(11);  // id n stands for 2^n letters
  for (std::uint32_t id = 0; id < 11; ++id) CHECK(table.add(id, id, {id, id + 1}));
  CHECK(merged(table, Ids(2048, 0)) == Ids{11});
  CHECK(merged(table, Ids(2047, 0)) == Ids({10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}));
  CHECK(merged(table, Ids(3 * 2048 + 256, 0)) == Ids({11, 11, 11, 8}));
}

// What is merged first stands at the end and turns everything before it over, however long it is:
// c takes the b before it, and so on to the left.
TEST_CASE("what one window sees may change all before it", "[text][byte_pairs]") {
  MergeTable table(4);
  CHECK(table.add(1, 2, {0, 3}));  // b c
  CHECK(table.add(1, 3, {1, 3}));  // b (b c): not of equal length, as an id would be; worse
  CHECK(table.add(1, 1, {2, 4}));  // b b
  for (const std::size_t size : {300U, 301U, 1000U}) {
    Ids ids(size, 1);
    CHECK(merged(table, ids) == merged_slowly(table, ids));
    ids.push_back(2);
    CHECK(merged(table, ids) == merged_slowly(table, ids));
  }
}

}  // namespace
}  // namespace llm2clip
