#pragma once

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "llm2clip/embeddings.h"
#include "llm2clip/index.h"

namespace llm2clip::testing {

/// Random rows of unit length, the same for the same seed.
inline Embeddings random_rows(std::size_t rows, std::size_t dim, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Embeddings result(rows, dim);
  for (std::size_t i = 0; i < rows; ++i) {
    double squares = 0;
    for (float& value : result[i]) {
      value = normal(random);
      squares += static_cast<double>(value) * value;
    }
    for (float& value : result[i]) value = static_cast<float>(value / std::sqrt(squares));
  }
  return result;
}

/// "0.jpg", "1.jpg", ...
inline std::string id_of(std::size_t row) { return std::to_string(row) + ".jpg"; }

/// The ids of all rows, in order.
inline std::vector<std::string> ids_in(const Index& index) {
  std::vector<std::string> ids;
  for (std::uint64_t row = 0; row < index.row_limit(); ++row) {
    if (const auto id = index.id(row)) ids.push_back(*id);
  }
  return ids;
}

}  // namespace llm2clip::testing
