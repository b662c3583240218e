#include <stdlib.h>

#include "check.h"

static void null_handles_are_refused_and_freeing_null_does_nothing(void) {
  const float* values;
  size_t count;
  llm2clip_tokens* tokens = NULL;
  CHECK_REFUSED(llm2clip_embeddings_view(NULL, &values, &count, &count), "NULL");
  CHECK_REFUSED(llm2clip_tokenizer_encode(NULL, TEXT("a dog"), &tokens), "tokenizer");
  CHECK(tokens == NULL);
  CHECK_REFUSED(llm2clip_bytes_view(NULL, NULL, NULL), "bytes");
  CHECK_REFUSED(llm2clip_image_view(NULL, NULL, NULL, NULL, NULL, NULL), "image");
  CHECK_REFUSED(llm2clip_image_palette_view(NULL, NULL, NULL), "image");
  CHECK_REFUSED(llm2clip_tokens_view(NULL, NULL, NULL, NULL, NULL), "tokens");
  CHECK_REFUSED(llm2clip_report_view(NULL, NULL, NULL), "report");
  CHECK_REFUSED(llm2clip_classifier_counts(NULL, NULL, NULL), "classifier");
  CHECK_REFUSED(llm2clip_npy_writer_finish(NULL), "writer");
  CHECK_OK(llm2clip_model_free(NULL));
  CHECK_OK(llm2clip_image_free(NULL));
  CHECK_OK(llm2clip_tokenizer_free(NULL));
  CHECK_OK(llm2clip_tokens_free(NULL));
  CHECK_OK(llm2clip_embeddings_free(NULL));
  CHECK_OK(llm2clip_classifier_free(NULL));
  CHECK_OK(llm2clip_report_free(NULL));
  CHECK_OK(llm2clip_bytes_free(NULL));
  CHECK_OK(llm2clip_npy_writer_free(NULL));
}

static void a_freed_handle_stays_refused_whatever_is_made_after_it(void) {
  llm2clip_image* first = plain_image(2, 2, 0);
  llm2clip_image* second;
  int i;
  CHECK_OK(llm2clip_image_free(first));
  CHECK_REFUSED(llm2clip_image_free(first), "freed before");
  CHECK_REFUSED(llm2clip_image_view(first, NULL, NULL, NULL, NULL, NULL), "freed before");
  for (i = 0; i < 100; ++i) {
    second = plain_image(2, 2, 1);
    CHECK(second != first);
    CHECK_REFUSED(llm2clip_image_free(first), "freed before");
    CHECK_OK(llm2clip_image_free(second));
  }
}

static void a_handle_of_another_kind_is_refused_and_unharmed(void) {
  llm2clip_image* image = plain_image(2, 2, 0);
  const void* disguised = image;
  int32_t width = 0;
  CHECK_REFUSED(llm2clip_model_free((llm2clip_model*)disguised), "image where model");
  CHECK_REFUSED(llm2clip_embeddings_view((const llm2clip_embeddings*)disguised, NULL, NULL, NULL),
                "image where embeddings");
  CHECK_OK(llm2clip_image_view(image, &width, NULL, NULL, NULL, NULL));
  CHECK(width == 2);
  CHECK_OK(llm2clip_image_free(image));
}

static void what_never_was_a_handle_is_refused(void) {
  int on_the_stack = 0;
  const void* pointer = &on_the_stack;
  CHECK_REFUSED(llm2clip_tokenizer_free((llm2clip_tokenizer*)pointer), "no handle");
  pointer = (const void*)(uintptr_t)-1;
  CHECK_REFUSED(llm2clip_tokens_free((llm2clip_tokens*)pointer), "no handle");
}

static void a_missing_output_is_refused(void) {
  const uint8_t pixels[3] = {0, 0, 0};
  int64_t size;
  CHECK_REFUSED(llm2clip_image_from_rgb(1, 1, pixels, 3, NULL), "NULL");
  CHECK_REFUSED(llm2clip_model_load(TEXT(DEMO), NULL, NULL), "NULL");
  CHECK_REFUSED(llm2clip_cosine(NULL, 0, NULL, 0, NULL), "NULL");
  CHECK_REFUSED(llm2clip_top_k(NULL, 0, NULL, 0, NULL), "NULL");
  CHECK_REFUSED(llm2clip_tokenizer_vocabulary_size(NULL, &size), "tokenizer");
  CHECK(llm2clip_live_handles() == 0);
}

static void wrong_lengths_are_refused(void) {
  llm2clip_image* image = NULL;
  llm2clip_tokens* tokens = NULL;
  llm2clip_embeddings* rows = NULL;
  const uint8_t pixels[12] = {0};
  const float values[6] = {0};
  CHECK_REFUSED(llm2clip_image_from_rgb(2, 2, pixels, 11, &image), "11 bytes");
  CHECK_REFUSED(llm2clip_image_from_rgb(2, 2, NULL, 12, &image), "NULL");
  CHECK_REFUSED(llm2clip_image_from_rgb(0, 2, pixels, 0, &image), "0x2");
  CHECK_REFUSED(llm2clip_image_from_rgb(-2, -2, pixels, 12, &image), "-2x-2");
  CHECK_REFUSED(llm2clip_image_from_rgb(INT32_MAX, INT32_MAX, pixels, 12, &image), "rows of");
  CHECK_REFUSED(llm2clip_image_decode(NULL, 5, TEXT("x"), NULL, &image), "NULL");
  CHECK_REFUSED(llm2clip_tokens_from_ids(NULL, 3, 0, &tokens), "NULL");
  CHECK_REFUSED(llm2clip_embeddings_from_values(values, 6, 2, 2, &rows), "6 values");
  CHECK_REFUSED(llm2clip_embeddings_from_values(values, 6, 3, 0, &rows), "6 values");
  CHECK_REFUSED(llm2clip_embeddings_from_values(values, (size_t)-1, 3, 2, &rows), "negative");
  /* rows * dim wraps around to 6 */
  CHECK_REFUSED(llm2clip_embeddings_from_values(values, 6, SIZE_MAX / 2 + 4, 2, &rows), "6 values");
  CHECK(image == NULL && tokens == NULL && rows == NULL);
}

static void paths_that_no_file_can_have_are_refused(void) {
  llm2clip_model* model = NULL;
  CHECK_REFUSED(llm2clip_model_load(TEXT(""), NULL, &model), "empty");
  CHECK_REFUSED(llm2clip_model_load(NULL, 0, NULL, &model), "empty");
  CHECK_REFUSED(llm2clip_model_load(TEXT("models\0demo"), NULL, &model), "zero byte");
  CHECK_REFUSED(llm2clip_model_load(DEMO, (size_t)-1, NULL, &model), "negative");
}

void test_handles(void) {
  null_handles_are_refused_and_freeing_null_does_nothing();
  a_freed_handle_stays_refused_whatever_is_made_after_it();
  a_handle_of_another_kind_is_refused_and_unharmed();
  what_never_was_a_handle_is_refused();
  a_missing_output_is_refused();
  wrong_lengths_are_refused();
  paths_that_no_file_can_have_are_refused();
}
