#include "llm2clip/evaluate.h"

#include "c/arguments.h"
#include "c/handles.h"

namespace llm2clip::c {
namespace {

std::vector<RetrievalPair> pairs_of(const llm2clip_retrieval_pair* pairs, size_t count) {
  std::vector<RetrievalPair> converted;
  for (const auto& [image, text] : array_of(pairs, count, "pairs")) {
    converted.push_back({image, text});
  }
  return converted;
}

llm2clip_retrieval_scores scores_of(const RetrievalScores& scores) {
  return {.queries = scores.queries,
          .recall_at_1 = scores.recall_at_1,
          .recall_at_5 = scores.recall_at_5,
          .recall_at_10 = scores.recall_at_10,
          .median_rank = scores.median_rank};
}

void put_accuracies(const std::vector<LabelAccuracy>& labels, llm2clip_label_accuracy* accuracies,
                    size_t count) {
  const auto out = array_of(accuracies, count, "accuracies");
  if (out.empty()) return;
  if (out.size() != labels.size()) {
    refuse("accuracies", "has room for " + std::to_string(out.size()) + ", " +
                             std::to_string(labels.size()) + " are expected");
  }
  std::transform(labels.begin(), labels.end(), out.begin(), [](const LabelAccuracy& label) {
    return llm2clip_label_accuracy{label.images, label.top_1, label.top_5};
  });
}

}  // namespace
}  // namespace llm2clip::c

using namespace llm2clip;
using namespace llm2clip::c;

llm2clip_status llm2clip_evaluate_retrieval(const llm2clip_embeddings* images,
                                            const llm2clip_embeddings* texts,
                                            const llm2clip_retrieval_pair* pairs, size_t pair_count,
                                            llm2clip_retrieval_result* result) {
  return guarded([&] {
    const RetrievalResult found = evaluate_retrieval(
        *object_of(images, "images"), *object_of(texts, "texts"), pairs_of(pairs, pair_count));
    put(result,
        llm2clip_retrieval_result{scores_of(found.image_to_text), scores_of(found.text_to_image)},
        "result");
  });
}

llm2clip_status llm2clip_evaluate_zero_shot(const llm2clip_embeddings* images,
                                            const llm2clip_embeddings* labels, const size_t* truth,
                                            size_t truth_count, llm2clip_zero_shot_result* result,
                                            llm2clip_label_accuracy* accuracies,
                                            size_t accuracy_count) {
  return guarded([&] {
    const ZeroShotResult found =
        evaluate_zero_shot(*object_of(images, "images"), *object_of(labels, "labels"),
                           array_of(truth, truth_count, "truth"));
    put_accuracies(found.labels, accuracies, accuracy_count);
    put(result,
        llm2clip_zero_shot_result{.images = found.images,
                                  .top_1 = found.top_1,
                                  .top_5 = found.top_5,
                                  .mean_top_1 = found.mean_top_1,
                                  .mean_top_5 = found.mean_top_5},
        "result");
  });
}
