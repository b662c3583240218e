#include <math.h>

#include "check.h"

static void rows_are_compared_with_rows(void) {
  const float image_values[4] = {1, 0, 0, 1};
  const float text_values[6] = {3, 4, 0, -2, 0, 0};
  llm2clip_embeddings *images = NULL, *texts = NULL, *unit = NULL, *scores = NULL;
  const float* values = NULL;
  size_t rows = 0, dim = 0;
  CHECK_OK(llm2clip_embeddings_from_values(image_values, 4, 2, 2, &images));
  CHECK_OK(llm2clip_embeddings_from_values(text_values, 6, 3, 2, &texts));
  CHECK_OK(llm2clip_embeddings_normalize(texts, &unit));
  CHECK_OK(llm2clip_embeddings_view(unit, &values, NULL, NULL));
  CHECK(fabsf(values[0] - 0.6f) < 1e-6f && values[3] == -1.0f && values[4] == 0.0f);
  CHECK_OK(llm2clip_cosines(images, unit, &scores));
  CHECK_OK(llm2clip_embeddings_view(scores, &values, &rows, &dim));
  CHECK(rows == 2 && dim == 3);
  CHECK(fabsf(values[0] - 0.6f) < 1e-6f && fabsf(values[3] - 0.8f) < 1e-6f && values[4] == -1.0f);
  CHECK_OK(llm2clip_embeddings_free(images));
  CHECK_OK(llm2clip_embeddings_free(texts));
  CHECK_OK(llm2clip_embeddings_free(unit));
  CHECK_OK(llm2clip_embeddings_free(scores));
  CHECK_REFUSED(llm2clip_embeddings_normalize(unit, &scores), "freed before");
}

static void scores_become_probabilities(void) {
  const float values[3] = {0.25f, 0.25f, -1.0f};
  float result[3] = {9, 9, 9};
  float cosine = 0;
  CHECK_OK(llm2clip_softmax(values, 3, 100, result, 3));
  CHECK(result[0] == 0.5f && result[1] == 0.5f && result[2] == 0.0f);
  CHECK_OK(llm2clip_sigmoid(values + 2, 1, 0, result, 1));
  CHECK(result[0] == 0.5f);
  CHECK_REFUSED(llm2clip_softmax(values, 3, 100, result, 2), "room for 2");
  CHECK_REFUSED(llm2clip_sigmoid(values, 3, 100, NULL, 3), "result");
  CHECK_REFUSED(llm2clip_softmax(NULL, 3, 100, result, 3), "values");
  CHECK_OK(llm2clip_softmax(NULL, 0, 100, NULL, 0));
  CHECK_REFUSED(llm2clip_softmax(values, 3, NAN, result, 3), "scale: a finite number");
  CHECK_REFUSED(llm2clip_sigmoid(values, 3, INFINITY, result, 3), "scale: a finite number");
  CHECK_REFUSED(llm2clip_cosine(values, 3, values, 2, &cosine), "3 components against 2");
}

static void the_best_come_first(void) {
  const float values[4] = {1, 3, 2, 3};
  llm2clip_match best[6];
  size_t found = 0;
  CHECK_OK(llm2clip_top_k(values, 4, best, 3, &found));
  CHECK(found == 3 && best[0].index == 1 && best[1].index == 3 && best[2].index == 2);
  CHECK(best[2].score == 2.0f);
  CHECK_OK(llm2clip_top_k(values, 4, best, 6, &found));
  CHECK(found == 4 && best[3].index == 0);
  CHECK_REFUSED(llm2clip_top_k(values, 4, NULL, 3, &found), "matches");
}

static void any_number_of_empty_rows_takes_no_time(void) {
  llm2clip_embeddings *rows = NULL, *scores = NULL, *none = NULL;
  size_t count = 0, dim = 9;
  CHECK_OK(llm2clip_embeddings_from_values(NULL, 0, SIZE_MAX, 0, &rows));
  CHECK_OK(llm2clip_embeddings_view(rows, NULL, &count, &dim));
  CHECK(count == SIZE_MAX && dim == 0);
  CHECK_STATUS(llm2clip_cosines(rows, rows, &scores), LLM2CLIP_OUT_OF_MEMORY);
  CHECK(scores == NULL);
  CHECK_OK(llm2clip_embeddings_from_values(NULL, 0, 0, 0, &none));
  CHECK_OK(llm2clip_cosines(rows, none, &scores));
  CHECK_OK(llm2clip_embeddings_free(scores));
  CHECK_OK(llm2clip_embeddings_normalize(rows, &scores));
  CHECK_OK(llm2clip_embeddings_free(scores));
  CHECK_OK(llm2clip_embeddings_free(rows));
  CHECK_OK(llm2clip_embeddings_free(none));
  CHECK_REFUSED(llm2clip_embeddings_from_values(NULL, 0, 2, 3, &rows), "2 rows of 3");
}

void test_embeddings(void) {
  any_number_of_empty_rows_takes_no_time();
  rows_are_compared_with_rows();
  scores_become_probabilities();
  the_best_come_first();
}
