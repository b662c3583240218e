#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "llm2clip/embeddings.h"
#include "llm2clip/export.h"

/// How well embeddings find what belongs together, as papers say it.
///
///   const std::vector<llm2clip::RetrievalPair> pairs = {{0, 0}, {0, 1}, {1, 2}};
///   const auto scores = llm2clip::evaluate_retrieval(image_rows, text_rows, pairs);
///   std::cout << scores.text_to_image.recall_at_1;  // 1: each text found its image
///
/// The order of candidates is that of their dot products with the query, in float32: of rows of
/// unit length, the cosine. Ties are broken against us: a wrong candidate with the score of the
/// right one comes before it, and so does one whose score is not a number.
namespace llm2clip {

/// An image and a text that belong together, by their rows.
struct RetrievalPair {
  std::size_t image = 0;  ///< row of the image
  std::size_t text = 0;   ///< row of the text
};

/// How well the queries of one side find what belongs to them on the other.
struct RetrievalScores {
  std::uint64_t queries = 0;  ///< rows that something belongs to
  double recall_at_1 = 0;     ///< share of them, 0 to 1, that have any of theirs come first
  double recall_at_5 = 0;     ///< among the first five
  double recall_at_10 = 0;    ///< among the first ten
  /// Where the first of theirs comes, 1 being the best: half of the queries have a lower rank. Of
  /// an even number it is the mean of the two in the middle.
  double median_rank = 0;
};

/// Both directions.
struct RetrievalResult {
  RetrievalScores image_to_text;  ///< images look for their texts
  RetrievalScores text_to_image;  ///< texts look for their images
};

/// Retrieval among all rows of `images` (N, D) and `texts` (M, D). An image may have several texts,
/// and a text several images; a row in no pair is a candidate and no query. Takes N * M dot
/// products and no memory for them. Throws Error(invalid_argument) for no pair, a pair whose row is
/// not there, or rows of other dims.
LLM2CLIP_API RetrievalResult evaluate_retrieval(const EmbeddingsView& images,
                                                const EmbeddingsView& texts,
                                                std::span<const RetrievalPair> pairs);

/// How often the images of one label get it.
struct LabelAccuracy {
  std::uint64_t images = 0;  ///< that have the label
  double top_1 = 0;          ///< share of them, 0 to 1, whose best label it is; 0 without images
  double top_5 = 0;          ///< among the best five
};

/// How often images get their label.
struct ZeroShotResult {
  std::uint64_t images = 0;           ///< all
  double top_1 = 0;                   ///< share of them, 0 to 1, whose best label is theirs
  double top_5 = 0;                   ///< among the best five
  double mean_top_1 = 0;              ///< mean of the labels' top_1: rare labels count as much
  double mean_top_5 = 0;              ///< of their top_5; labels without images do not count
  std::vector<LabelAccuracy> labels;  ///< of each row of labels, in order
};

/// Zero-shot classification: `labels` are those of a Classifier (L, D), and `truth` gives for each
/// row of `images` (N, D) the row of its label. Throws Error(invalid_argument) for no image, a
/// label that is not there, another number of labels than images, or rows of other dims.
LLM2CLIP_API ZeroShotResult evaluate_zero_shot(const EmbeddingsView& images,
                                               const EmbeddingsView& labels,
                                               std::span<const std::size_t> truth);

}  // namespace llm2clip
