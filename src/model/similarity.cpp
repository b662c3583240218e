#include "llm2clip/similarity.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/errors_only.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

void check_equal_dims(std::size_t a, std::size_t b) {
  if (a == b) return;
  throw Error(ErrorKind::invalid_argument, "embeddings: " + std::to_string(a) +
                                               " components against " + std::to_string(b) +
                                               "; they come from different models");
}

void check_scale(float scale) {
  if (std::isfinite(scale)) return;
  throw Error(ErrorKind::invalid_argument,
              "scale: a finite number is expected, not " + std::to_string(scale));
}

// Larger first; of equal values, and of NaNs, the lower index first.
bool ranks_before(const Match& a, const Match& b) {
  const bool a_nan = std::isnan(a.score);
  const bool b_nan = std::isnan(b.score);
  if (a_nan != b_nan) return b_nan;
  if (!a_nan && a.score != b.score) return a.score > b.score;
  return a.index < b.index;
}

std::vector<float> copy_of(std::span<const float> values) {
  return errors_only("values", [&] { return std::vector<float>(values.begin(), values.end()); });
}

}  // namespace

float cosine(std::span<const float> a, std::span<const float> b) {
  check_equal_dims(a.size(), b.size());
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0f);
}

Embeddings cosines(const EmbeddingsView& images, const EmbeddingsView& texts) {
  check_equal_dims(images.dim(), texts.dim());
  Embeddings scores(images.rows(), texts.rows());
  // Rows without components take no memory, and there may be any number of them.
  if (scores.values().empty() || images.dim() == 0) return scores;
  for (std::size_t image = 0; image < images.rows(); ++image) {
    for (std::size_t text = 0; text < texts.rows(); ++text) {
      scores[image][text] = cosine(images[image], texts[text]);
    }
  }
  return scores;
}

std::vector<float> softmax(std::span<const float> values, float scale) {
  check_scale(scale);
  std::vector<float> result = copy_of(values);
  if (result.empty()) return result;
  const auto [least, most] = std::minmax_element(result.begin(), result.end());
  const float largest = scale * (scale < 0 ? *least : *most);
  float sum = 0;
  for (float& value : result) sum += value = std::exp(scale * value - largest);
  for (float& value : result) value /= sum;
  return result;
}

std::vector<float> sigmoid(std::span<const float> values, float scale) {
  check_scale(scale);
  std::vector<float> result = copy_of(values);
  for (float& value : result) value = 1 / (1 + std::exp(-scale * value));
  return result;
}

std::vector<Match> top_k(std::span<const float> values, std::size_t k) {
  std::vector<Match> matches =
      errors_only("values", [&] { return std::vector<Match>(values.size()); });
  for (std::size_t i = 0; i < values.size(); ++i) matches[i] = {i, values[i]};
  k = std::min(k, matches.size());
  std::partial_sort(matches.begin(), matches.begin() + static_cast<std::ptrdiff_t>(k),
                    matches.end(), ranks_before);
  matches.resize(k);
  return matches;
}

void normalize_rows(Embeddings& rows) {
  if (rows.dim() == 0) return;  // there may be any number of them
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    const std::span<float> row = rows[i];
    const double squares =
        std::inner_product(row.begin(), row.end(), row.begin(), 0.0, std::plus<>(),
                           [](float a, float b) { return static_cast<double>(a) * b; });
    if (squares == 0) continue;
    const double norm = std::sqrt(squares);
    for (float& value : row) value = static_cast<float>(value / norm);
  }
}

}  // namespace llm2clip
