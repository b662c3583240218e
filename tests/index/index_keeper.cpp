// An index that is kept up to date as `llm2clip index` does it, in milliseconds, and somebody who
// looks at it: test_killed_writers.py kills the one and asks the other.
//
//   index_keeper keep INDEX INPUTS STATE     brings the index to a state of its inputs
//   index_keeper look INDEX INPUTS STATE     fails unless each row is of its id, in this state or
//   one
//                                            before, and no id is there twice
//   index_keeper is INDEX INPUTS STATE       fails unless it is the index of that state
//
// An index of thousands of inputs is of kind hnsw.
//
// In state s the inputs i with i % 5 == s % 5 are not there, and those with i % 3 == s % 3 have
// changed since the state before.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "llm2clip/error.h"
#include "llm2clip/index.h"

namespace {

constexpr std::size_t kDim = 8;
constexpr std::uint64_t kLinkedInputs = 5000;

bool is_listed(std::uint64_t input, std::uint64_t state) { return input % 5 != state % 5; }

// The last state, up to `state`, in which the input changed.
std::uint64_t version_of(std::uint64_t input, std::uint64_t state) {
  while (state > 0 && input % 3 != state % 3) --state;
  return state;
}

std::vector<float> row_of(std::uint64_t input, std::uint64_t version) {
  std::vector<float> row(kDim);
  for (std::size_t k = 0; k < kDim; ++k) {
    row[k] = std::sin(static_cast<float>((input * 1000 + version) * kDim + k));
  }
  return row;
}

void keep(const char* path, std::uint64_t inputs, std::uint64_t state) {
  const auto kind = inputs < kLinkedInputs ? llm2clip::IndexKind::exact : llm2clip::IndexKind::hnsw;
  llm2clip::IndexWriter writer(
      path, {.dim = kDim, .kind = kind, .commit_rows = std::max<std::uint64_t>(8, inputs / 20)});
  for (std::uint64_t i = 0; i < inputs; ++i) {
    if (!is_listed(i, state)) continue;
    const std::uint64_t version = version_of(i, state);
    const auto input = writer.take(std::to_string(i), std::to_string(version));
    if (!input) continue;
    writer.add(*input, row_of(i, version));
    writer.commit_if_due();
  }
  writer.remove_unlisted([](std::string_view) { return true; });
  writer.commit();
  if (state % 4 == 3) writer.compact();
  writer.update_graph();
}

bool is_row(const std::vector<float>& found, std::uint64_t input, std::uint64_t version) {
  const std::vector<float> expected = row_of(input, version);
  double product = 0;
  double squares = 0;
  for (std::size_t k = 0; k < kDim; ++k) {
    product += static_cast<double>(found[k]) * static_cast<double>(expected[k]);
    squares += static_cast<double>(expected[k]) * static_cast<double>(expected[k]);
  }
  return product / std::sqrt(squares) > 0.999;
}

// The version of each input that has a row.
std::map<std::uint64_t, std::uint64_t> versions_in(const char* path, std::uint64_t state) {
  const llm2clip::Index index = llm2clip::Index::open(path);
  index.verify();
  // Links are whole, too.
  if (index.rows() > 0) index.search(llm2clip::Embeddings(1, kDim));
  std::map<std::uint64_t, std::uint64_t> versions;
  for (std::uint64_t row = 0; row < index.row_limit(); ++row) {
    const auto id = index.id(row);
    if (!id) continue;
    const std::uint64_t input = std::stoull(*id);
    std::uint64_t version = state;
    while (!is_row(index.row(row), input, version)) {
      if (version-- == 0) throw std::runtime_error(*id + ": has the row of something else");
    }
    if (!versions.emplace(input, version).second)
      throw std::runtime_error(*id + ": is there twice");
  }
  return versions;
}

void check_is(const char* path, std::uint64_t inputs, std::uint64_t state) {
  std::map<std::uint64_t, std::uint64_t> expected;
  for (std::uint64_t i = 0; i < inputs; ++i) {
    if (is_listed(i, state)) expected[i] = version_of(i, state);
  }
  if (versions_in(path, state) != expected) throw std::runtime_error("rows are lost or too many");
}

}  // namespace

int main(int count, char** words) {
  if (count != 5) return 2;
  const std::string what = words[1];
  try {
    const std::uint64_t inputs = std::stoull(words[3]);
    const std::uint64_t state = std::stoull(words[4]);
    if (what == "keep") keep(words[2], inputs, state);
    if (what == "look") versions_in(words[2], state);
    if (what == "is") check_is(words[2], inputs, state);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 6;
  }
  return 0;
}
