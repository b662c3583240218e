#include <math.h>

#include "check.h"

#define RED "tests/data/unseen/image_000.png"
#define BLUE "tests/data/unseen/image_002.png"
#define NO_FILE "tests/data/unseen/no such image.png"

static bool is(llm2clip_string string, const char* text) {
  return string.length == strlen(text) && memcmp(string.data, text, string.length) == 0;
}

static llm2clip_totals totals_of(const llm2clip_summary* summary) {
  llm2clip_totals totals;
  memset(&totals, 0, sizeof totals);
  CHECK_OK(llm2clip_summary_view(summary, &totals, sizeof totals));
  return totals;
}

/* The rows of files that can be read, as llm2clip_encode_images gives them. */
static llm2clip_embeddings* encoded(const llm2clip_model* model, const llm2clip_string* paths,
                                    size_t count) {
  llm2clip_image* images[4];
  llm2clip_embeddings* rows = NULL;
  size_t i;
  for (i = 0; i < count; ++i) {
    CHECK_OK(llm2clip_image_read(paths[i].data, paths[i].length, NULL, &images[i]));
  }
  CHECK_OK(llm2clip_encode_images(model, (const llm2clip_image* const*)images, count, NULL, &rows));
  for (i = 0; i < count; ++i) CHECK_OK(llm2clip_image_free(images[i]));
  return rows;
}

static bool same_rows(const llm2clip_embeddings* a, const llm2clip_embeddings* b) {
  const float *a_values = NULL, *b_values = NULL;
  size_t a_rows = 0, b_rows = 1, a_dim = 0, b_dim = 1;
  CHECK_OK(llm2clip_embeddings_view(a, &a_values, &a_rows, &a_dim));
  CHECK_OK(llm2clip_embeddings_view(b, &b_values, &b_rows, &b_dim));
  return a_rows == b_rows && a_dim == b_dim &&
         memcmp(a_values, b_values, a_rows * a_dim * sizeof(float)) == 0;
}

static void files_become_rows_in_order_and_one_that_fails_has_none(const llm2clip_model* model) {
  const llm2clip_string paths[3] = {STRING(RED), STRING(NO_FILE), STRING(BLUE)};
  const llm2clip_string good[2] = {STRING(RED), STRING(BLUE)};
  const llm2clip_image_source source = {.paths = paths, .path_count = 3};
  llm2clip_embeddings *rows = NULL, *expected = encoded(model, good, 2);
  const llm2clip_embed_sink sink = {.rows = &rows};
  llm2clip_summary* summary = NULL;
  llm2clip_totals totals;
  CHECK_OK(llm2clip_embed_images(model, &source, &sink, NULL, &summary));
  CHECK(same_rows(rows, expected));
  totals = totals_of(summary);
  CHECK(totals.inputs == 3 && totals.embedded == 2 && totals.failed == 1);
  CHECK(totals.passed_over == 0 && totals.truncated == 0);
  CHECK(totals.failed_by_code_count == 1 && totals.failed_by_code[0].count == 1);
  CHECK(is(totals.failed_by_code[0].name, "unreadable_input"));
  CHECK(totals.failure_count == 1 && totals.failures[0].index == 1);
  CHECK(is(totals.failures[0].id, NO_FILE) && is(totals.failures[0].failure.stage, "read"));
  CHECK(strstr(totals.failures[0].failure.message.data, "no such image"));
  CHECK_REFUSED(llm2clip_summary_view(summary, &totals, 8), "struct_size");
  CHECK_OK(llm2clip_summary_free(summary));
  CHECK_OK(llm2clip_embeddings_free(rows));
  CHECK_OK(llm2clip_embed_images(model, &source, &sink, NULL, NULL));
  CHECK(same_rows(rows, expected));
  CHECK_OK(llm2clip_embeddings_free(rows));
  CHECK_OK(llm2clip_embeddings_free(expected));
}

/* What the callbacks of a call saw. */
struct watch {
  llm2clip_image* image; /* freed when the first batch arrives */
  size_t given;          /* of the source */
  size_t batches, rows;
  uint64_t done, total;
  size_t failed;
  size_t end_after; /* calls of any callback that may say so */
  size_t calls;
};

static bool goes_on(struct watch* watch) { return ++watch->calls < watch->end_after; }

static bool see_batch(const llm2clip_embedded_batch* batch, void* user_data) {
  struct watch* watch = user_data;
  size_t i, good = 0;
  CHECK(batch->struct_size == sizeof *batch && batch->dim == 96);
  for (i = 0; i < batch->outcome_count; ++i) good += batch->outcomes[i].failure.code.length == 0;
  CHECK(good == batch->row_count);
  if (good > 0) CHECK(isfinite(batch->rows[good * batch->dim - 1]));
  if (watch->image) {
    CHECK_OK(llm2clip_image_free(watch->image));
    watch->image = NULL;
  }
  ++watch->batches;
  watch->rows += batch->row_count;
  return goes_on(watch);
}

static bool see_progress(uint64_t done, uint64_t total, void* user_data) {
  struct watch* watch = user_data;
  watch->done = done;
  watch->total = total;
  return goes_on(watch);
}

static bool see_failure(const llm2clip_outcome* outcome, void* user_data) {
  struct watch* watch = user_data;
  CHECK(outcome->failure.code.length > 0 && outcome->id.length > 0);
  ++watch->failed;
  return goes_on(watch);
}

static bool stop_now(void* user_data) { return !goes_on(user_data); }

static size_t read_file(const char* path, uint8_t* bytes, size_t room) {
  FILE* file = fopen(path, "rb");
  const size_t count = file ? fread(bytes, 1, room, file) : 0;
  if (file) fclose(file);
  return count;
}

static void inputs_are_files_bytes_pixels_or_failures(const llm2clip_model* model) {
  static uint8_t bytes[100000];
  struct watch watch = {.end_after = 100};
  const llm2clip_image_input inputs[4] = {
      {.path = STRING(RED)},
      {.id = STRING("bytes"), .bytes = bytes, .byte_count = read_file(RED, bytes, sizeof bytes)},
      {.id = STRING("pixels"), .image = watch.image = plain_image(20, 30, 7)},
      {.id = STRING("lost"),
       .failure = {STRING("list"), STRING("unreadable_input"), STRING("lost: gone")}}};
  const llm2clip_image_source source = {.inputs = inputs, .input_count = 4};
  const llm2clip_embed_sink sink = {.take = see_batch, .user_data = &watch, .own_thread = true};
  llm2clip_embeddings* rows = NULL;
  const llm2clip_embed_sink all = {.rows = &rows};
  llm2clip_embed_options options;
  llm2clip_summary* summary = NULL;
  const float* values = NULL;
  float cosine = 0;
  size_t dim = 0;
  CHECK(inputs[1].byte_count > 1000 && inputs[1].byte_count < sizeof bytes);
  CHECK_OK(llm2clip_embed_images(model, &source, &all, NULL, NULL));
  CHECK_OK(llm2clip_embeddings_view(rows, &values, NULL, &dim));
  CHECK_OK(llm2clip_cosine(values, dim, values + dim, dim, &cosine));
  CHECK(fabsf(cosine - 1) < 1e-5f);
  CHECK_OK(llm2clip_embeddings_free(rows));
  CHECK_OK(llm2clip_embed_options_init(&options, sizeof options));
  options.batch_size = 1;
  options.progress = see_progress;
  options.failed = see_failure;
  options.user_data = &watch;
  CHECK_OK(llm2clip_embed_images(model, &source, &sink, &options, &summary));
  CHECK(watch.batches == 4 && watch.rows == 3 && watch.failed == 1 && watch.image == NULL);
  CHECK(watch.done == 4 && watch.total == 4);
  CHECK(totals_of(summary).failure_count == 0 && totals_of(summary).failed == 1);
  CHECK_OK(llm2clip_summary_free(summary));
}

static bool next_image(llm2clip_image_input* input, void* user_data) {
  static const llm2clip_string path = STRING(RED);
  struct watch* watch = user_data;
  CHECK(input->path.length == 0 && input->image == NULL && input->failure.code.length == 0);
  if (watch->given == 5) return false;
  ++watch->given;
  input->path = path;
  return true;
}

static bool next_text(llm2clip_text_input* input, void* user_data) {
  static const llm2clip_string texts[3] = {STRING("a dog"), STRING("two cats"), STRING("a \xff")};
  struct watch* watch = user_data;
  if (watch->given == 3) return false;
  input->text = texts[watch->given++];
  return true;
}

static void callbacks_give_inputs_one_after_the_other(const llm2clip_model* model) {
  struct watch watch = {.end_after = 100}, text_watch = {.end_after = 100};
  const llm2clip_image_source source = {.next = next_image, .user_data = &watch};
  const llm2clip_text_source text_source = {
      .next = next_text, .user_data = &text_watch, .total = 3};
  const llm2clip_embed_sink sink = {.take = see_batch, .user_data = &watch};
  llm2clip_embeddings* rows = NULL;
  const llm2clip_embed_sink all = {.rows = &rows};
  llm2clip_embed_options options;
  llm2clip_summary* summary = NULL;
  llm2clip_totals totals;
  CHECK_OK(llm2clip_embed_options_init(&options, sizeof options));
  options.batch_size = 2;
  options.progress = see_progress;
  options.user_data = &watch;
  CHECK_OK(llm2clip_embed_images(model, &source, &sink, &options, NULL));
  CHECK(watch.batches == 3 && watch.rows == 5 && watch.done == 5 && watch.total == 0);
  CHECK_OK(llm2clip_embed_texts(model, &text_source, &all, &options, &summary));
  CHECK(watch.done == 3 && watch.total == 3);
  totals = totals_of(summary);
  CHECK(totals.embedded == 2 && totals.failure_count == 1 && totals.failures[0].index == 2);
  CHECK(is(totals.failures[0].id, "a \xff") && is(totals.failures[0].failure.stage, "tokenize"));
  CHECK_OK(llm2clip_summary_free(summary));
  CHECK_OK(llm2clip_embeddings_free(rows));
}

static void texts_get_the_rows_of_encode_texts(const llm2clip_model* model) {
  const llm2clip_string texts[3] = {STRING("a dog"), STRING("two cats on a roof"), STRING("a cow")};
  const llm2clip_text_input inputs[2] = {{.id = STRING("1"), .text = STRING("a dog")},
                                         {.text = STRING("two cats on a roof")}};
  const llm2clip_text_source source = {.texts = texts, .text_count = 3};
  const llm2clip_text_source with_ids = {.inputs = inputs, .input_count = 2};
  llm2clip_embeddings *rows = NULL, *expected = NULL;
  const llm2clip_embed_sink sink = {.rows = &rows};
  llm2clip_embed_options options;
  llm2clip_encode_options encode;
  CHECK_OK(llm2clip_encode_texts(model, texts, 3, NULL, &expected));
  CHECK_OK(llm2clip_embed_texts(model, &source, &sink, NULL, NULL));
  CHECK(same_rows(rows, expected));
  CHECK_OK(llm2clip_embeddings_free(rows));
  CHECK_OK(llm2clip_embeddings_free(expected));
  CHECK_OK(llm2clip_embed_options_init(&options, sizeof options));
  CHECK_OK(llm2clip_encode_options_init(&encode, sizeof encode));
  options.adapter = encode.adapter = false;
  options.normalize = encode.normalize = false;
  CHECK_OK(llm2clip_encode_texts(model, texts, 2, &encode, &expected));
  CHECK_OK(llm2clip_embed_texts(model, &with_ids, &sink, &options, NULL));
  CHECK(same_rows(rows, expected));
  CHECK_OK(llm2clip_embeddings_free(rows));
  CHECK_OK(llm2clip_embeddings_free(expected));
}

static void every_callback_can_end_a_call(const llm2clip_model* model) {
  const llm2clip_string paths[2] = {STRING(NO_FILE), STRING(RED)};
  const llm2clip_image_source source = {.paths = paths, .path_count = 2};
  struct watch watch = {.end_after = 1};
  llm2clip_embed_sink sink = {.take = see_batch, .user_data = &watch};
  llm2clip_embeddings* rows = NULL;
  const llm2clip_embed_sink all = {.rows = &rows};
  llm2clip_embed_options options;
  llm2clip_summary* summary = NULL;
  CHECK_CANCELLED(llm2clip_embed_images(model, &source, &sink, NULL, &summary));
  sink.own_thread = true;
  CHECK_CANCELLED(llm2clip_embed_images(model, &source, &sink, NULL, &summary));
  CHECK_OK(llm2clip_embed_options_init(&options, sizeof options));
  options.user_data = &watch;
  options.progress = see_progress;
  CHECK_CANCELLED(llm2clip_embed_images(model, &source, &all, &options, &summary));
  options.progress = NULL;
  options.failed = see_failure;
  CHECK_CANCELLED(llm2clip_embed_images(model, &source, &all, &options, &summary));
  options.failed = NULL;
  options.stop = stop_now;
  CHECK_CANCELLED(llm2clip_embed_images(model, &source, &all, &options, &summary));
  CHECK(rows == NULL && summary == NULL);
}

static void failures_have_a_limit(const llm2clip_model* model) {
  const llm2clip_string paths[2] = {STRING(NO_FILE), STRING(NO_FILE)};
  const llm2clip_image_source source = {.paths = paths, .path_count = 2};
  static char long_text[2000];
  const llm2clip_string texts[1] = {{long_text, sizeof long_text}};
  const llm2clip_text_source long_source = {.texts = texts, .text_count = 1};
  llm2clip_embeddings* rows = NULL;
  const llm2clip_embed_sink sink = {.rows = &rows};
  llm2clip_embed_options options;
  llm2clip_summary* summary = NULL;
  CHECK_OK(llm2clip_embed_options_init(&options, sizeof options));
  options.most_failures = 1;
  options.failure_advice.data = "look at the folder";
  options.failure_advice.length = strlen("look at the folder");
  CHECK_STATUS(llm2clip_embed_images(model, &source, &sink, &options, NULL),
               LLM2CLIP_UNREADABLE_INPUT);
  CHECK(strstr(llm2clip_error_message(), "2 of 2 inputs failed, look at the folder"));
  options.most_failures = 2;
  CHECK_OK(llm2clip_embed_images(model, &source, &sink, &options, NULL));
  CHECK_OK(llm2clip_embeddings_free(rows));
  options.stop_at_failure = true;
  CHECK_STATUS(llm2clip_embed_images(model, &source, &sink, &options, NULL),
               LLM2CLIP_UNREADABLE_INPUT);
  CHECK(strstr(llm2clip_error_message(), "no such image"));
  options.most_failed_share = 2;
  CHECK_REFUSED(llm2clip_embed_images(model, &source, &sink, &options, NULL), "0..1");

  memset(long_text, 'x', sizeof long_text);
  CHECK_OK(llm2clip_embed_texts(model, &long_source, &sink, NULL, &summary));
  CHECK(totals_of(summary).truncated == 1 && totals_of(summary).embedded == 1);
  CHECK_OK(llm2clip_summary_free(summary));
  CHECK_OK(llm2clip_embeddings_free(rows));
  CHECK_OK(llm2clip_embed_options_init(&options, sizeof options));
  options.on_long = LLM2CLIP_ON_LONG_ERROR;
  CHECK_STATUS(llm2clip_embed_texts(model, &long_source, &sink, &options, &summary),
               LLM2CLIP_UNREADABLE_INPUT);
  CHECK(rows == NULL && summary == NULL);
}

static void images_are_bounded_as_the_read_options_say(const llm2clip_model* model) {
  const llm2clip_string path = STRING(RED);
  const llm2clip_image_source source = {.paths = &path, .path_count = 1};
  llm2clip_embeddings* rows = NULL;
  const llm2clip_embed_sink sink = {.rows = &rows};
  llm2clip_embed_options options;
  llm2clip_read_options read;
  CHECK_OK(llm2clip_embed_options_init(&options, sizeof options));
  CHECK_OK(llm2clip_read_options_init(&read, sizeof read));
  read.max_pixels = 10;
  options.read = &read;
  options.decoding_threads = 1;
  options.stop_at_failure = true;
  CHECK_STATUS(llm2clip_embed_images(model, &source, &sink, &options, NULL),
               LLM2CLIP_UNREADABLE_INPUT);
  CHECK(strstr(llm2clip_error_message(), "pixels"));
  read.struct_size = 0;
  CHECK_REFUSED(llm2clip_embed_images(model, &source, &sink, &options, NULL), "struct_size");
}

static void an_empty_source_gives_no_rows(const llm2clip_model* model) {
  const llm2clip_image_source images = {.paths = NULL};
  const llm2clip_text_source texts = {.texts = NULL};
  llm2clip_embeddings* rows = NULL;
  const llm2clip_embed_sink sink = {.rows = &rows};
  size_t count = 1, dim = 0;
  CHECK_OK(llm2clip_embed_images(model, &images, &sink, NULL, NULL));
  CHECK_OK(llm2clip_embeddings_view(rows, NULL, &count, &dim));
  CHECK(count == 0 && dim == 96);
  CHECK_OK(llm2clip_embeddings_free(rows));
  CHECK_OK(llm2clip_embed_texts(model, &texts, &sink, NULL, NULL));
  CHECK_OK(llm2clip_embeddings_free(rows));
}

static bool next_nothing(llm2clip_image_input* input, void* user_data) {
  (void)input;
  (void)user_data;
  return true;
}

static void what_makes_no_sense_is_refused(const llm2clip_model* model) {
  const llm2clip_string path = STRING(RED);
  const llm2clip_string zero = {"a\0b", 3};
  const llm2clip_image_input both = {.path = STRING(RED), .bytes = (const uint8_t*)"x"};
  llm2clip_image_source source = {.paths = &path, .path_count = 1};
  llm2clip_text_source texts = {.texts = &path, .text_count = 1, .next = next_text};
  llm2clip_embeddings* rows = (llm2clip_embeddings*)&path; /* not left as it was */
  llm2clip_embed_sink sink = {.rows = &rows, .take = see_batch};
  llm2clip_embed_options options;
  llm2clip_summary* summary = (llm2clip_summary*)&path;
  CHECK_REFUSED(llm2clip_embed_images(model, &source, &sink, NULL, &summary), "more than one");
  CHECK(rows == NULL && summary == NULL);
  sink.take = NULL;
  CHECK_REFUSED(llm2clip_embed_images(NULL, &source, &sink, NULL, NULL), "model");
  CHECK_REFUSED(llm2clip_embed_images(model, NULL, &sink, NULL, NULL), "source");
  CHECK_REFUSED(llm2clip_embed_images(model, &source, NULL, NULL, NULL), "sink");
  CHECK_REFUSED(llm2clip_embed_texts(model, &texts, &sink, NULL, NULL), "more than one kind");
  sink.rows = NULL;
  CHECK_REFUSED(llm2clip_embed_images(model, &source, &sink, NULL, NULL), "none");
  sink.rows = &rows;
  source.paths = &zero;
  CHECK_REFUSED(llm2clip_embed_images(model, &source, &sink, NULL, NULL), "zero byte");
  source.paths = NULL;
  CHECK_REFUSED(llm2clip_embed_images(model, &source, &sink, NULL, NULL), "paths: NULL");
  source.path_count = 0;
  source.inputs = &both;
  source.input_count = 1;
  CHECK_REFUSED(llm2clip_embed_images(model, &source, &sink, NULL, NULL), "more than one of path");
  source.inputs = NULL;
  source.input_count = 0;
  source.next = next_nothing;
  CHECK_REFUSED(llm2clip_embed_images(model, &source, &sink, NULL, NULL), "none of path");
  CHECK_OK(llm2clip_embed_options_init(&options, sizeof options));
  options.on_long = 2;
  CHECK_REFUSED(llm2clip_embed_images(model, &source, &sink, &options, NULL), "on_long");
  CHECK_REFUSED(llm2clip_embed_options_init(&options, 8), "struct_size");
  CHECK(rows == NULL);
}

struct crops {
  uint8_t bytes[2][8 * 8 * 3];
  size_t count;
};

static bool keep_crops(const llm2clip_preprocessed_batch* batch, void* user_data) {
  struct crops* crops = user_data;
  CHECK(batch->outcome_count == 1 && batch->crop_count <= 1);
  if (batch->crop_count == 0) return true;
  CHECK(batch->byte_count == sizeof crops->bytes[0]);
  memcpy(crops->bytes[crops->count], batch->crops, batch->byte_count);
  return ++crops->count < 2;
}

static void images_are_preprocessed_without_a_network(void) {
  const llm2clip_string paths[3] = {STRING(RED), STRING(NO_FILE), STRING(BLUE)};
  const llm2clip_image_source source = {.paths = paths, .path_count = 3};
  struct crops crops = {.count = 0};
  llm2clip_preprocess_options preprocess;
  llm2clip_embed_options options;
  llm2clip_image *image = NULL, *seen = NULL;
  llm2clip_summary* summary = NULL;
  const uint8_t* pixels = NULL;
  CHECK_OK(llm2clip_preprocess_options_init(&preprocess, sizeof preprocess));
  CHECK_OK(llm2clip_embed_options_init(&options, sizeof options));
  preprocess.image_size = 8;
  options.batch_size = 1;
  CHECK_CANCELLED(
      llm2clip_preprocess_images(&preprocess, &source, keep_crops, &crops, &options, &summary));
  CHECK(crops.count == 2 && summary == NULL);
  CHECK_OK(llm2clip_image_read(TEXT(BLUE), NULL, &image));
  CHECK_OK(llm2clip_resize_and_crop(image, &preprocess, &seen));
  CHECK_OK(llm2clip_image_view(seen, NULL, NULL, NULL, &pixels, NULL));
  CHECK(memcmp(pixels, crops.bytes[1], sizeof crops.bytes[1]) == 0);
  CHECK_OK(llm2clip_image_free(seen));
  CHECK_OK(llm2clip_image_free(image));
  crops.count = 0;
  preprocess.image_size = 8;
  CHECK_REFUSED(llm2clip_preprocess_images(&preprocess, &source, NULL, NULL, &options, NULL),
                "take");
}

void test_embedding(void) {
  llm2clip_model* model = load(tiny_directory());
  files_become_rows_in_order_and_one_that_fails_has_none(model);
  inputs_are_files_bytes_pixels_or_failures(model);
  callbacks_give_inputs_one_after_the_other(model);
  texts_get_the_rows_of_encode_texts(model);
  every_callback_can_end_a_call(model);
  failures_have_a_limit(model);
  images_are_bounded_as_the_read_options_say(model);
  an_empty_source_gives_no_rows(model);
  what_makes_no_sense_is_refused(model);
  images_are_preprocessed_without_a_network();
  CHECK_OK(llm2clip_model_free(model));
}
