#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "llm2clip/embeddings.h"
#include "llm2clip/export.h"

namespace llm2clip {

/// Dot product of two rows of unit length. Throws Error(invalid_argument) for unequal lengths.
LLM2CLIP_API float cosine(std::span<const float> a, std::span<const float> b);

/// Cosine of every row of `images` with every row of `texts`: (images.rows(), texts.rows()).
/// Rows must have unit length. Throws Error(invalid_argument) when the dims differ.
LLM2CLIP_API Embeddings cosines(const EmbeddingsView& images, const EmbeddingsView& texts);

/// One probability per value, adding up to 1: exp(scale * value) over their sum, in float32 with
/// the maximum subtracted. Throws Error(invalid_argument) for a scale that is not finite.
LLM2CLIP_API std::vector<float> softmax(std::span<const float> values, float scale);

/// 1 / (1 + exp(-scale * value)) for each value. Throws Error(invalid_argument) for a scale that is
/// not finite.
LLM2CLIP_API std::vector<float> sigmoid(std::span<const float> values, float scale);

/// One of the values that top_k found.
struct Match {
  std::size_t index = 0;  ///< where it stands in `values`
  float score = 0;        ///< the value itself
};

/// The k largest values, largest first; of equal values the lower index first. Fewer when there
/// are fewer values. NaN counts as the smallest value.
LLM2CLIP_API std::vector<Match> top_k(std::span<const float> values, std::size_t k);

/// Divides each row by its L2 norm, computed in float64; a zero row stays zero.
LLM2CLIP_API void normalize_rows(Embeddings& rows);

}  // namespace llm2clip
