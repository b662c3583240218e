#include "llm2clip/evaluate.h"

#include <algorithm>
#include <limits>
#include <string>

#include "base/errors_only.h"
#include "llm2clip/error.h"
#include "model/score_tiles.h"

namespace llm2clip {
namespace {

void check_dims(const EmbeddingsView& a, const EmbeddingsView& b) {
  if (a.dim() == b.dim() && a.dim() > 0) return;
  throw Error(ErrorKind::invalid_argument, "embeddings: " + std::to_string(a.dim()) +
                                               " components against " + std::to_string(b.dim()) +
                                               "; rows of one model are expected");
}

void check_row(const char* what, std::size_t row, std::size_t rows) {
  if (row < rows) return;
  throw Error(ErrorKind::invalid_argument, std::string(what) + ": row " + std::to_string(row) +
                                               " is not there, there are " + std::to_string(rows));
}

// How many wrong candidates come before the best right one, for each row of a side.
class Ranks {
 public:
  explicit Ranks(std::size_t rows)
      : best_(rows, -std::numeric_limits<float>::infinity()), before_(rows), asks_(rows) {}

  // A NaN is no better than nothing.
  void add_right(std::size_t row, float score) {
    asks_[row] = true;
    if (score > best_[row]) best_[row] = score;
  }
  bool comes_before(std::size_t row, float score) const { return !(score < best_[row]); }
  void add_wrong(std::size_t row) { ++before_[row]; }

  /// The ranks of the rows that something belongs to, in their order.
  std::vector<std::uint64_t> of_queries() const {
    std::vector<std::uint64_t> ranks;
    for (std::size_t row = 0; row < before_.size(); ++row) {
      if (asks_[row]) ranks.push_back(before_[row] + 1);
    }
    return ranks;
  }

 private:
  std::vector<float> best_;
  std::vector<std::uint64_t> before_;
  std::vector<bool> asks_;
};

// Which pairs there are, by their images.
class PairSet {
 public:
  explicit PairSet(std::span<const RetrievalPair> pairs) : sorted_(pairs.begin(), pairs.end()) {
    std::sort(sorted_.begin(), sorted_.end(), less);
  }
  bool has(std::size_t image, std::size_t text) const {
    return std::binary_search(sorted_.begin(), sorted_.end(), RetrievalPair{image, text}, less);
  }

 private:
  static bool less(const RetrievalPair& a, const RetrievalPair& b) {
    return a.image != b.image ? a.image < b.image : a.text < b.text;
  }
  std::vector<RetrievalPair> sorted_;
};

double share_within(const std::vector<std::uint64_t>& ranks, std::uint64_t k) {
  const auto hits = std::count_if(ranks.begin(), ranks.end(), [k](auto rank) { return rank <= k; });
  return static_cast<double>(hits) / static_cast<double>(ranks.size());
}

RetrievalScores scores_of(std::vector<std::uint64_t> ranks) {
  std::sort(ranks.begin(), ranks.end());
  const std::size_t upper = ranks.size() / 2;
  const std::size_t lower = (ranks.size() - 1) / 2;
  return {.queries = ranks.size(),
          .recall_at_1 = share_within(ranks, 1),
          .recall_at_5 = share_within(ranks, 5),
          .recall_at_10 = share_within(ranks, 10),
          .median_rank = static_cast<double>(ranks[lower] + ranks[upper]) / 2};
}

RetrievalResult retrieve(const EmbeddingsView& images, const EmbeddingsView& texts,
                         std::span<const RetrievalPair> pairs) {
  check_dims(images, texts);
  if (pairs.empty()) throw Error(ErrorKind::invalid_argument, "pairs: expected at least one");
  Ranks of_images(images.rows());
  Ranks of_texts(texts.rows());
  for (const auto& [image, text] : pairs) {
    check_row("pairs: images", image, images.rows());
    check_row("pairs: texts", text, texts.rows());
    const float score = score_of(images[image].data(), texts[text].data(), images.dim());
    of_images.add_right(image, score);
    of_texts.add_right(text, score);
  }
  const PairSet right(pairs);
  for_each_score(images, texts, [&](std::size_t image, std::size_t text, float score) {
    const bool before_image = of_images.comes_before(image, score);
    const bool before_text = of_texts.comes_before(text, score);
    if (!(before_image || before_text) || right.has(image, text)) return;
    if (before_image) of_images.add_wrong(image);
    if (before_text) of_texts.add_wrong(text);
  });
  return {scores_of(of_images.of_queries()), scores_of(of_texts.of_queries())};
}

// From counts of hits to shares, and their means over the labels that have images.
void finish(ZeroShotResult& result) {
  double with_images = 0;
  for (LabelAccuracy& label : result.labels) {
    if (label.images == 0) continue;
    ++with_images;
    result.top_1 += label.top_1;
    result.top_5 += label.top_5;
    label.top_1 /= static_cast<double>(label.images);
    label.top_5 /= static_cast<double>(label.images);
    result.mean_top_1 += label.top_1;
    result.mean_top_5 += label.top_5;
  }
  result.top_1 /= static_cast<double>(result.images);
  result.top_5 /= static_cast<double>(result.images);
  result.mean_top_1 /= with_images;
  result.mean_top_5 /= with_images;
}

ZeroShotResult classify(const EmbeddingsView& images, const EmbeddingsView& labels,
                        std::span<const std::size_t> truth) {
  check_dims(images, labels);
  if (images.rows() == 0 || truth.size() != images.rows()) {
    throw Error(ErrorKind::invalid_argument,
                "truth: " + std::to_string(truth.size()) + " labels for " +
                    std::to_string(images.rows()) +
                    " images; one for each of one or more is expected");
  }
  Ranks ranks(images.rows());
  for (std::size_t image = 0; image < truth.size(); ++image) {
    check_row("truth: labels", truth[image], labels.rows());
    ranks.add_right(image,
                    score_of(images[image].data(), labels[truth[image]].data(), images.dim()));
  }
  for_each_score(images, labels, [&](std::size_t image, std::size_t label, float score) {
    if (label != truth[image] && ranks.comes_before(image, score)) ranks.add_wrong(image);
  });
  ZeroShotResult result{.images = images.rows(), .labels = {}};
  result.labels.resize(labels.rows());
  const std::vector<std::uint64_t> all = ranks.of_queries();
  for (std::size_t image = 0; image < truth.size(); ++image) {
    LabelAccuracy& label = result.labels[truth[image]];
    ++label.images;
    label.top_1 += all[image] <= 1 ? 1 : 0;
    label.top_5 += all[image] <= 5 ? 1 : 0;
  }
  finish(result);
  return result;
}

}  // namespace

RetrievalResult evaluate_retrieval(const EmbeddingsView& images, const EmbeddingsView& texts,
                                   std::span<const RetrievalPair> pairs) {
  return errors_only("embeddings", [&] { return retrieve(images, texts, pairs); });
}

ZeroShotResult evaluate_zero_shot(const EmbeddingsView& images, const EmbeddingsView& labels,
                                  std::span<const std::size_t> truth) {
  return errors_only("embeddings", [&] { return classify(images, labels, truth); });
}

}  // namespace llm2clip
