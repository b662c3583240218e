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

/// The same, near some hundred of them: as embeddings are. Those of two seeds are near the same.
/// With little `spread`, no row is near one of another center.
inline Embeddings clustered_rows(std::size_t rows, std::size_t dim, unsigned seed,
                                 float spread = 0.5f) {
  constexpr std::size_t kClusters = 200;
  const Embeddings centers = random_rows(kClusters, dim, 0);
  Embeddings result = random_rows(rows, dim, seed + 1);
  for (std::size_t i = 0; i < rows; ++i) {
    double squares = 0;
    for (std::size_t k = 0; k < dim; ++k) {
      result[i][k] = centers[i * 7 % kClusters][k] + spread * result[i][k];
      squares += static_cast<double>(result[i][k]) * result[i][k];
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
