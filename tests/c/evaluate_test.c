#include "check.h"

static llm2clip_embeddings* rows_of(const float* values, size_t rows) {
  llm2clip_embeddings* embeddings = NULL;
  CHECK_OK(llm2clip_embeddings_from_values(values, rows * 2, rows, 2, &embeddings));
  return embeddings;
}

static void texts_look_for_their_images(void) {
  const float image_values[4] = {1, 0, 0, 1};
  const float text_values[6] = {1, 0, 0.8f, 0.6f, 0.6f, 0.8f};
  const llm2clip_retrieval_pair pairs[3] = {{0, 0}, {0, 1}, {1, 2}};
  const llm2clip_retrieval_pair far = {0, 3};
  llm2clip_embeddings* images = rows_of(image_values, 2);
  llm2clip_embeddings* texts = rows_of(text_values, 3);
  llm2clip_retrieval_result result;
  CHECK_OK(llm2clip_evaluate_retrieval(images, texts, pairs, 3, &result));
  CHECK(result.image_to_text.queries == 2 && result.text_to_image.queries == 3);
  CHECK(result.image_to_text.recall_at_1 == 1 && result.text_to_image.recall_at_1 == 1);
  CHECK(result.text_to_image.recall_at_10 == 1 && result.text_to_image.median_rank == 1);
  CHECK_REFUSED(llm2clip_evaluate_retrieval(images, texts, &far, 1, &result), "row 3");
  CHECK_REFUSED(llm2clip_evaluate_retrieval(images, texts, NULL, 0, &result), "pairs");
  CHECK_REFUSED(llm2clip_evaluate_retrieval(images, texts, pairs, 3, NULL), "result");
  CHECK_OK(llm2clip_embeddings_free(images));
  CHECK_OK(llm2clip_embeddings_free(texts));
}

static void images_look_for_their_labels(void) {
  const float image_values[6] = {1, 0, 0.8f, 0.6f, 0, 1};
  const float label_values[4] = {1, 0, 0, 1};
  const size_t truth[3] = {0, 1, 1};
  llm2clip_embeddings* images = rows_of(image_values, 3);
  llm2clip_embeddings* labels = rows_of(label_values, 2);
  llm2clip_zero_shot_result result;
  llm2clip_label_accuracy accuracies[2];
  CHECK_OK(llm2clip_evaluate_zero_shot(images, labels, truth, 3, &result, accuracies, 2));
  CHECK(result.images == 3 && result.top_1 == 2.0 / 3 && result.top_5 == 1);
  CHECK(result.mean_top_1 == 0.75 && result.mean_top_5 == 1);
  CHECK(accuracies[0].images == 1 && accuracies[0].top_1 == 1);
  CHECK(accuracies[1].images == 2 && accuracies[1].top_1 == 0.5 && accuracies[1].top_5 == 1);
  CHECK_OK(llm2clip_evaluate_zero_shot(images, labels, truth, 3, &result, NULL, 0));
  CHECK_REFUSED(llm2clip_evaluate_zero_shot(images, labels, truth, 3, &result, accuracies, 1),
                "room for 1");
  CHECK_REFUSED(llm2clip_evaluate_zero_shot(images, labels, truth, 2, &result, NULL, 0), "truth");
  CHECK_OK(llm2clip_embeddings_free(images));
  CHECK_OK(llm2clip_embeddings_free(labels));
}

void test_evaluation(void) {
  texts_look_for_their_images();
  images_look_for_their_labels();
}
