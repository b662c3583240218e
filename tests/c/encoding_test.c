#include <math.h>

#include "check.h"

static double norm_of(const float* row, size_t dim) {
  double sum = 0;
  size_t j;
  for (j = 0; j < dim; ++j) sum += (double)row[j] * row[j];
  return sqrt(sum);
}

static void images_give_unit_rows_in_their_order(llm2clip_model* model) {
  llm2clip_image* images[3];
  const llm2clip_image* reversed[3];
  llm2clip_embeddings *rows = NULL, *back = NULL;
  llm2clip_encode_options options;
  const float *values = NULL, *back_values = NULL;
  float cosine = 0;
  size_t count = 0, dim = 0, i;
  for (i = 0; i < 3; ++i) images[i] = plain_image(10 + (int32_t)i, 12, (uint8_t)(90 * i));
  for (i = 0; i < 3; ++i) reversed[i] = images[2 - i];
  CHECK_OK(llm2clip_encode_options_init(&options, sizeof options));
  options.batch_size = 2;
  CHECK_OK(llm2clip_encode_images(model, (const llm2clip_image* const*)images, 3, &options, &rows));
  CHECK_OK(llm2clip_encode_images(model, reversed, 3, NULL, &back));
  CHECK_OK(llm2clip_embeddings_view(rows, &values, &count, &dim));
  CHECK_OK(llm2clip_embeddings_view(back, &back_values, NULL, NULL));
  CHECK(count == 3 && dim == 96);
  for (i = 0; i < 3; ++i) {
    CHECK(fabs(norm_of(values + i * dim, dim) - 1) < 1e-5);
    CHECK_OK(llm2clip_cosine(values + i * dim, dim, back_values + (2 - i) * dim, dim, &cosine));
    CHECK(fabsf(cosine - 1) < 1e-5f);
  }
  for (i = 0; i < 3; ++i) CHECK_OK(llm2clip_image_free(images[i]));
  CHECK_OK(llm2clip_embeddings_free(rows));
  CHECK_OK(llm2clip_embeddings_free(back));
}

static void texts_and_their_tokens_give_the_same_rows(llm2clip_model* model) {
  const llm2clip_string texts[2] = {STRING("a dog"), STRING("two cats on a roof")};
  llm2clip_tokenizer* tokenizer = NULL;
  llm2clip_tokens* tokens[2] = {NULL, NULL};
  llm2clip_embeddings *of_texts = NULL, *of_tokens = NULL;
  const float *a = NULL, *b = NULL;
  size_t dim = 0, i;
  CHECK_OK(llm2clip_model_tokenizer(model, &tokenizer));
  for (i = 0; i < 2; ++i) {
    CHECK_OK(llm2clip_tokenizer_encode(tokenizer, texts[i].data, texts[i].length, &tokens[i]));
  }
  CHECK_OK(llm2clip_encode_texts(model, texts, 2, NULL, &of_texts));
  CHECK_OK(
      llm2clip_encode_tokens(model, (const llm2clip_tokens* const*)tokens, 2, NULL, &of_tokens));
  CHECK_OK(llm2clip_embeddings_view(of_texts, &a, NULL, &dim));
  CHECK_OK(llm2clip_embeddings_view(of_tokens, &b, NULL, NULL));
  CHECK(memcmp(a, b, 2 * dim * sizeof(float)) == 0);
  for (i = 0; i < 2; ++i) CHECK_OK(llm2clip_tokens_free(tokens[i]));
  CHECK_OK(llm2clip_tokenizer_free(tokenizer));
  CHECK_OK(llm2clip_embeddings_free(of_texts));
  CHECK_OK(llm2clip_embeddings_free(of_tokens));
}

static void captions_come_without_the_adapter(llm2clip_model* model) {
  const llm2clip_string text = STRING("a dog");
  llm2clip_encode_options options;
  llm2clip_embeddings *raw = NULL, *unit = NULL, *normalized = NULL;
  const float *raw_values = NULL, *unit_values = NULL, *normalized_values = NULL;
  size_t dim = 0;
  CHECK_OK(llm2clip_encode_options_init(&options, sizeof options));
  options.adapter = false;
  CHECK_OK(llm2clip_encode_texts(model, &text, 1, &options, &unit));
  options.normalize = false;
  CHECK_OK(llm2clip_encode_texts(model, &text, 1, &options, &raw));
  CHECK_OK(llm2clip_embeddings_normalize(raw, &normalized));
  CHECK_OK(llm2clip_embeddings_view(raw, &raw_values, NULL, &dim));
  CHECK_OK(llm2clip_embeddings_view(unit, &unit_values, NULL, NULL));
  CHECK_OK(llm2clip_embeddings_view(normalized, &normalized_values, NULL, NULL));
  CHECK(dim == 64);
  CHECK(fabs(norm_of(raw_values, dim) - 1) > 1e-3);
  CHECK(memcmp(unit_values, normalized_values, dim * sizeof(float)) == 0);
  CHECK_OK(llm2clip_embeddings_free(raw));
  CHECK_OK(llm2clip_embeddings_free(unit));
  CHECK_OK(llm2clip_embeddings_free(normalized));
}

struct watch {
  size_t calls, last, stop_at;
};

static bool count_calls(size_t done, void* user_data) {
  struct watch* watch = user_data;
  ++watch->calls;
  watch->last = done;
  return done < watch->stop_at;
}

static void progress_is_told_and_can_cancel(llm2clip_model* model) {
  const llm2clip_string texts[4] = {STRING("a"), STRING("bb"), STRING("ccc"), STRING("dddd")};
  struct watch watch = {0, 0, 100};
  llm2clip_encode_options options;
  llm2clip_embeddings* rows = NULL;
  CHECK_OK(llm2clip_encode_options_init(&options, sizeof options));
  options.batch_tokens = 1; /* a batch a text */
  options.progress = count_calls;
  options.user_data = &watch;
  CHECK_OK(llm2clip_encode_texts(model, texts, 4, &options, &rows));
  CHECK(watch.calls == 4 && watch.last == 4);
  CHECK_OK(llm2clip_embeddings_free(rows));
  watch.calls = 0;
  watch.stop_at = 2;
  CHECK_STATUS(llm2clip_encode_texts(model, texts, 4, &options, &rows), LLM2CLIP_CANCELLED);
  CHECK(rows == NULL && watch.calls == 2 && watch.last == 2);
}

static bool stop_at_once(void* user_data) {
  ++*(int*)user_data;
  return true;
}

static void stop_is_asked_and_can_cancel(llm2clip_model* model) {
  const llm2clip_string text = STRING("a dog");
  llm2clip_load_options load_options;
  llm2clip_encode_options options;
  llm2clip_model* another = NULL;
  llm2clip_embeddings* rows = NULL;
  int asked = 0;
  CHECK_OK(llm2clip_encode_options_init(&options, sizeof options));
  options.stop = stop_at_once;
  options.user_data = &asked;
  CHECK_CANCELLED(llm2clip_encode_texts(model, &text, 1, &options, &rows));
  CHECK(rows == NULL && asked == 1);
  CHECK_OK(llm2clip_load_options_init(&load_options, sizeof load_options));
  load_options.stop = stop_at_once;
  load_options.user_data = &asked;
  CHECK_CANCELLED(llm2clip_model_load(TEXT(DEMO), &load_options, &another));
  CHECK(another == NULL && asked > 1);
}

static void crops_give_the_rows_of_their_images(llm2clip_model* model) {
  llm2clip_image* image = plain_image(20, 30, 90);
  const llm2clip_image* images[1] = {image};
  llm2clip_image* seen = NULL;
  llm2clip_preprocess_options preprocess;
  llm2clip_embeddings *of_image = NULL, *of_crop = NULL;
  const uint8_t* pixels = NULL;
  const float *a = NULL, *b = NULL;
  size_t bytes = 0, dim = 0;
  CHECK_OK(llm2clip_model_preprocess_options(model, &preprocess, sizeof preprocess));
  CHECK_OK(llm2clip_resize_and_crop(image, &preprocess, &seen));
  CHECK_OK(llm2clip_image_view(seen, NULL, NULL, NULL, &pixels, &bytes));
  CHECK_OK(llm2clip_encode_images(model, images, 1, NULL, &of_image));
  CHECK_OK(llm2clip_encode_crops(model, pixels, bytes, NULL, &of_crop));
  CHECK_OK(llm2clip_embeddings_view(of_image, &a, NULL, &dim));
  CHECK_OK(llm2clip_embeddings_view(of_crop, &b, NULL, NULL));
  CHECK(memcmp(a, b, dim * sizeof(float)) == 0);
  CHECK_OK(llm2clip_embeddings_free(of_crop));
  CHECK_REFUSED(llm2clip_encode_crops(model, pixels, bytes - 1, NULL, &of_crop), "bytes");
  CHECK_OK(llm2clip_embeddings_free(of_image));
  CHECK_OK(llm2clip_image_free(seen));
  CHECK_OK(llm2clip_image_free(image));
}

static void pixels_give_the_rows_of_their_images(llm2clip_model* model) {
  llm2clip_image* image = plain_image(20, 30, 90);
  const llm2clip_image* images[1] = {image};
  float pixels[3 * 8 * 8];
  llm2clip_preprocess_options preprocess;
  llm2clip_embeddings *of_image = NULL, *of_pixels = NULL;
  const float *a = NULL, *b = NULL;
  size_t dim = 0;
  CHECK_OK(llm2clip_model_preprocess_options(model, &preprocess, sizeof preprocess));
  CHECK_OK(llm2clip_preprocess(image, &preprocess, pixels, 3 * 8 * 8));
  CHECK_OK(llm2clip_encode_images(model, images, 1, NULL, &of_image));
  CHECK_OK(llm2clip_encode_pixels(model, pixels, 3 * 8 * 8, NULL, &of_pixels));
  CHECK_OK(llm2clip_embeddings_view(of_image, &a, NULL, &dim));
  CHECK_OK(llm2clip_embeddings_view(of_pixels, &b, NULL, NULL));
  CHECK(memcmp(a, b, dim * sizeof(float)) == 0);
  CHECK_OK(llm2clip_embeddings_free(of_pixels));
  CHECK_REFUSED(llm2clip_encode_pixels(model, pixels, 191, NULL, &of_pixels), "191 values");
  CHECK_REFUSED(llm2clip_encode_pixels(model, NULL, 192, NULL, &of_pixels), "pixels");
  CHECK_OK(llm2clip_embeddings_free(of_image));
  CHECK_OK(llm2clip_image_free(image));
}

static void texts_that_are_not_utf8_are_unreadable(llm2clip_model* model) {
  const llm2clip_string text = STRING("a \xff dog");
  llm2clip_embeddings* rows = NULL;
  CHECK_STATUS(llm2clip_encode_texts(model, &text, 1, NULL, &rows), LLM2CLIP_UNREADABLE_INPUT);
  CHECK(rows == NULL);
}

static void nothing_gives_no_rows(llm2clip_model* model) {
  llm2clip_embeddings* rows = NULL;
  size_t count = 1, dim = 0;
  CHECK_OK(llm2clip_encode_texts(model, NULL, 0, NULL, &rows));
  CHECK_OK(llm2clip_embeddings_view(rows, NULL, &count, &dim));
  CHECK(count == 0 && dim == 96);
  CHECK_OK(llm2clip_embeddings_free(rows));
  CHECK_OK(llm2clip_encode_images(model, NULL, 0, NULL, &rows));
  CHECK_OK(llm2clip_embeddings_free(rows));
}

static void unknown_ids_are_refused(llm2clip_model* model) {
  const int64_t good[2] = {65, 66};
  const int64_t too_large[3] = {65, 66, 260};
  const int64_t negative[2] = {-1, 65};
  llm2clip_tokens* tokens[2] = {NULL, NULL};
  llm2clip_embeddings* rows = NULL;
  CHECK_OK(llm2clip_tokens_from_ids(good, 2, 0, &tokens[0]));
  CHECK_OK(llm2clip_tokens_from_ids(too_large, 3, 0, &tokens[1]));
  CHECK_REFUSED(
      llm2clip_encode_tokens(model, (const llm2clip_tokens* const*)tokens, 2, NULL, &rows),
      "tokens of text 1: id 260 at position 2, ids are from 0 to 259");
  CHECK_OK(llm2clip_tokens_free(tokens[1]));
  CHECK_OK(llm2clip_tokens_from_ids(negative, 2, 0, &tokens[1]));
  CHECK_REFUSED(
      llm2clip_encode_tokens(model, (const llm2clip_tokens* const*)tokens, 2, NULL, &rows),
      "tokens of text 1: id -1 at position 0");
  CHECK_OK(llm2clip_tokens_free(tokens[0]));
  CHECK_OK(llm2clip_tokens_free(tokens[1]));
  CHECK(rows == NULL);
}

static void bad_inputs_are_refused(llm2clip_model* model) {
  const int64_t ids[2] = {65, 66};
  const llm2clip_string text = {NULL, 4};
  const llm2clip_image* no_image = NULL;
  llm2clip_tokens* tokens = NULL;
  const llm2clip_tokens* list[1];
  llm2clip_embeddings* rows = NULL;
  CHECK_REFUSED(llm2clip_encode_texts(model, NULL, 1, NULL, &rows), "texts: NULL");
  CHECK_REFUSED(llm2clip_encode_texts(model, &text, 1, NULL, &rows), "texts: NULL");
  CHECK_REFUSED(llm2clip_encode_texts(model, &text, (size_t)-1, NULL, &rows), "negative");
  CHECK_REFUSED(llm2clip_encode_images(model, &no_image, 1, NULL, &rows), "images: NULL");
  CHECK_OK(llm2clip_tokens_from_ids(ids, 2, 3, &tokens));
  list[0] = tokens;
  CHECK_REFUSED(llm2clip_encode_tokens(model, list, 1, NULL, &rows), "3 are pooled");
  CHECK_OK(llm2clip_tokens_free(tokens));
  CHECK_REFUSED(llm2clip_encode_tokens(model, list, 1, NULL, &rows), "freed before");
  CHECK_OK(llm2clip_tokens_from_ids(NULL, 0, 0, &tokens));
  list[0] = tokens;
  CHECK_REFUSED(llm2clip_encode_tokens(model, list, 1, NULL, &rows), "without ids");
  CHECK_OK(llm2clip_tokens_free(tokens));
  /* A count that no memory can hold. */
  CHECK_STATUS(llm2clip_encode_tokens(model, list, PTRDIFF_MAX / sizeof(void*), NULL, &rows),
               LLM2CLIP_OUT_OF_MEMORY);
  CHECK(rows == NULL);
}

void test_encoding(void) {
  llm2clip_model* model = load(tiny_directory());
  images_give_unit_rows_in_their_order(model);
  texts_and_their_tokens_give_the_same_rows(model);
  captions_come_without_the_adapter(model);
  progress_is_told_and_can_cancel(model);
  stop_is_asked_and_can_cancel(model);
  crops_give_the_rows_of_their_images(model);
  pixels_give_the_rows_of_their_images(model);
  texts_that_are_not_utf8_are_unreadable(model);
  nothing_gives_no_rows(model);
  unknown_ids_are_refused(model);
  bad_inputs_are_refused(model);
  CHECK_OK(llm2clip_model_free(model));
}
