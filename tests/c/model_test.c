#include <stdlib.h>

#include "check.h"

static void a_model_tells_what_it_is(void) {
  llm2clip_model* model = load(tiny_directory());
  llm2clip_model_properties properties;
  llm2clip_bytes* json = NULL;
  const char* text = NULL;
  size_t length = 0;
  CHECK_OK(llm2clip_model_get_properties(model, &properties, sizeof properties));
  CHECK(properties.name.length == 4 && memcmp(properties.name.data, "tiny", 4) == 0);
  CHECK(properties.device.length == 3 && memcmp(properties.device.data, "cpu", 3) == 0);
  CHECK(properties.dim == 96 && properties.text_width == 64);
  CHECK(properties.image_size == 8 && properties.max_tokens == 512);
  CHECK(properties.score_scale == 100.0f);
  CHECK_REFUSED(llm2clip_model_get_properties(model, NULL, sizeof properties), "NULL");
  CHECK_REFUSED(llm2clip_model_get_properties(model, &properties, 3), "struct_size");

  CHECK_OK(llm2clip_model_info_json(model, &json));
  CHECK_OK(llm2clip_bytes_view(json, &text, &length));
  CHECK(length == strlen(text));
  CHECK(strstr(text, "\"name\":\"tiny\"") && strstr(text, "\"image_size\":8"));
  CHECK(strstr(text, "\"prompt\":{\"prefix\":\"<|start_header_id|>"));
  CHECK_OK(llm2clip_bytes_free(json));
  CHECK_REFUSED(llm2clip_bytes_free(json), "freed before");
  CHECK_OK(llm2clip_model_free(model));
}

static void a_directory_is_described_without_loading_it(void) {
  llm2clip_bytes* json = NULL;
  const char* text = NULL;
  CHECK_OK(llm2clip_read_model_info_json(TEXT(DEMO), &json));
  CHECK_OK(llm2clip_bytes_view(json, &text, NULL));
  CHECK(strstr(text, "\"name\":\"llm2clip-demo\"") && strstr(text, "\"embedding_dim\":128"));
  CHECK_OK(llm2clip_bytes_free(json));
  CHECK_STATUS(llm2clip_read_model_info_json(TEXT("docs"), &json), LLM2CLIP_BAD_MODEL);
  CHECK(json == NULL);
}

static void parts_load_on_their_own(void) {
  llm2clip_load_options options;
  llm2clip_model* model = NULL;
  llm2clip_tokenizer* tokenizer = NULL;
  llm2clip_embeddings* rows = NULL;
  const llm2clip_string text = STRING("a dog");
  const llm2clip_image* image = plain_image(8, 8, 9);
  CHECK_OK(llm2clip_load_options_init(&options, sizeof options));
  options.text = false;
  options.always_hash = true;
  CHECK_OK(llm2clip_model_load(TEXT(DEMO), &options, &model));
  CHECK_OK(llm2clip_encode_images(model, &image, 1, NULL, &rows));
  CHECK_OK(llm2clip_embeddings_free(rows));
  CHECK_REFUSED(llm2clip_encode_texts(model, &text, 1, NULL, &rows), "text part");
  CHECK(rows == NULL);
  CHECK_REFUSED(llm2clip_model_tokenizer(model, &tokenizer), "text part");
  CHECK_OK(llm2clip_model_free(model));
  CHECK_OK(llm2clip_image_free((llm2clip_image*)image));
}

static void a_model_runs_as_it_was_exported_when_asked(void) {
  llm2clip_load_options options;
  llm2clip_part part;
  llm2clip_model* model = NULL;
  CHECK_OK(llm2clip_load_options_init(&options, sizeof options));
  options.optimize = LLM2CLIP_OPTIMIZE_NEVER;
  options.text = false;
  CHECK_OK(llm2clip_model_load(TEXT(DEMO), &options, &model));
  CHECK_OK(llm2clip_model_get_part(model, LLM2CLIP_PART_VISION, &part, sizeof part));
  CHECK(part.loaded);
  CHECK(part.file.length > 0 && part.precision_reason.length > 0);
  CHECK(part.stored_precision.length == 7);
  CHECK(memcmp(part.stored_precision.data, "float32", 7) == 0);
  CHECK(part.precision.length == 7 && memcmp(part.precision.data, "float32", 7) == 0);
  CHECK(part.device.length == 3 && memcmp(part.device.data, "cpu", 3) == 0);
  CHECK(part.optimized.length == 4 && memcmp(part.optimized.data, "none", 4) == 0);
  CHECK_OK(llm2clip_model_get_part(model, LLM2CLIP_PART_TEXT, &part, sizeof part));
  CHECK(!part.loaded && part.file.length == 0 && part.mapped_bytes == 0);
  CHECK_REFUSED(llm2clip_model_get_part(model, 3, &part, sizeof part), "no part");
  CHECK_OK(llm2clip_model_free(model));
}

static void a_pinned_model_is_that_one_or_none(void) {
  llm2clip_load_options options;
  llm2clip_model* model = NULL;
  char sha256[64];
  memset(sha256, '0', sizeof sha256);
  CHECK_OK(llm2clip_load_options_init(&options, sizeof options));
  options.manifest_sha256.data = sha256;
  options.manifest_sha256.length = sizeof sha256;
  CHECK_STATUS(llm2clip_model_load(TEXT(DEMO), &options, &model), LLM2CLIP_BAD_MODEL);
  CHECK(strstr(llm2clip_error_message(), "llm2clip.json") && model == NULL);
}

static void what_is_not_there_is_unavailable(void) {
  llm2clip_load_options options;
  llm2clip_model* model = NULL;
  CHECK_OK(llm2clip_load_options_init(&options, sizeof options));
  options.device.data = "cuda:99";
  options.device.length = 7;
  CHECK_STATUS(llm2clip_model_load(TEXT(DEMO), &options, &model), LLM2CLIP_UNAVAILABLE);
  options.device.data = "cpu";
  options.device.length = 3;
  options.precision = LLM2CLIP_PRECISION_FLOAT16;
  /* Some processors multiply it (AVX512_FP16, AMX). */
  if (llm2clip_model_load(TEXT(DEMO), &options, &model) == LLM2CLIP_OK) {
    CHECK_OK(llm2clip_model_free(model));
    model = NULL;
  } else {
    CHECK_STATUS(llm2clip_model_load(TEXT(DEMO), &options, &model), LLM2CLIP_UNAVAILABLE);
  }
  options.device.data = "abacus";
  options.device.length = 6;
  CHECK_REFUSED(llm2clip_model_load(TEXT(DEMO), &options, &model), "abacus");
  CHECK(model == NULL);
}

static void a_precision_can_be_asked_for_beforehand(void) {
  llm2clip_load_options options;
  llm2clip_strings* choice = NULL;
  const llm2clip_string* words = NULL;
  size_t count = 0;
  bool slow = true;
  CHECK_OK(llm2clip_load_options_init(&options, sizeof options));
  options.device.data = "cpu";
  options.device.length = 3;
  options.precision = LLM2CLIP_PRECISION_FLOAT32;
  CHECK_OK(llm2clip_choose_precision(TEXT("bfloat16"), &options, &slow, &choice));
  CHECK_OK(llm2clip_strings_view(choice, &words, &count));
  CHECK(count == 2 && strcmp(words[0].data, "float32") == 0 && words[1].length > 0 && !slow);
  CHECK_OK(llm2clip_strings_free(choice));
  options.precision = LLM2CLIP_PRECISION_INT8_DYNAMIC; /* for weights of 8 or 4 bits */
  CHECK_OK(llm2clip_choose_precision(TEXT("int8"), &options, &slow, &choice));
  CHECK_OK(llm2clip_strings_view(choice, &words, &count));
  CHECK(count == 2 && strcmp(words[0].data, "int8-dynamic") == 0 && !slow);
  CHECK_OK(llm2clip_strings_free(choice));
  options.precision = 17;
  CHECK_REFUSED(llm2clip_choose_precision(TEXT("bfloat16"), &options, &slow, &choice), "precision");
}

static void two_models_live_side_by_side(void) {
  llm2clip_model* tiny = load(tiny_directory());
  llm2clip_model* demo = load(DEMO);
  llm2clip_model* again = load(DEMO);
  llm2clip_embeddings *of_tiny = NULL, *of_demo = NULL, *of_again = NULL, *scores = NULL;
  const llm2clip_string text = STRING("a red circle");
  const float *demo_values = NULL, *again_values = NULL;
  size_t tiny_dim = 0, demo_dim = 0, rows = 0;
  CHECK_OK(llm2clip_encode_texts(tiny, &text, 1, NULL, &of_tiny));
  CHECK_OK(llm2clip_encode_texts(demo, &text, 1, NULL, &of_demo));
  CHECK_OK(llm2clip_model_free(tiny));
  CHECK_OK(llm2clip_model_free(demo));
  CHECK_OK(llm2clip_encode_texts(again, &text, 1, NULL, &of_again));
  CHECK_OK(llm2clip_embeddings_view(of_tiny, NULL, &rows, &tiny_dim));
  CHECK_OK(llm2clip_embeddings_view(of_demo, &demo_values, NULL, &demo_dim));
  CHECK_OK(llm2clip_embeddings_view(of_again, &again_values, NULL, NULL));
  CHECK(rows == 1 && tiny_dim == 96 && demo_dim == 128);
  CHECK(memcmp(demo_values, again_values, demo_dim * sizeof(float)) == 0);
  CHECK_REFUSED(llm2clip_cosines(of_tiny, of_demo, &scores), "different models");
  CHECK_OK(llm2clip_model_free(again));
  CHECK_OK(llm2clip_embeddings_free(of_tiny));
  CHECK_OK(llm2clip_embeddings_free(of_demo));
  CHECK_OK(llm2clip_embeddings_free(of_again));
}

static void a_part_tells_what_it_occupies(void) {
  llm2clip_model* model = load(tiny_directory());
  llm2clip_part part;
  llm2clip_embeddings* rows = NULL;
  const llm2clip_string text = STRING("a dog");
  CHECK_OK(llm2clip_model_get_part(model, LLM2CLIP_PART_VISION, &part, sizeof part));
  /* Small matrices are prepacked, which copies them, or multiplied in place: a processor's choice.
   * A table stays where it is. */
  CHECK(part.mapped_bytes + part.copied_bytes == 96 * 192 * 4);
  CHECK(part.mapped_bytes == 0 || part.copied_bytes == 0);
  CHECK_OK(llm2clip_model_get_part(model, LLM2CLIP_PART_TEXT, &part, sizeof part));
  CHECK(part.mapped_bytes == 300 * 64 * 4 && part.copied_bytes == 64 * 4);
  CHECK(part.peak_scratch_known && part.peak_scratch_bytes == 0);
  CHECK_OK(llm2clip_encode_texts(model, &text, 1, NULL, &rows));
  CHECK_OK(llm2clip_model_get_part(model, LLM2CLIP_PART_TEXT, &part, sizeof part));
  CHECK(part.peak_scratch_known && part.peak_scratch_bytes > 0);
  CHECK_OK(llm2clip_model_get_part(model, LLM2CLIP_PART_VISION, &part, sizeof part));
  CHECK(part.peak_scratch_bytes == 0);
  CHECK_REFUSED(llm2clip_model_get_part(model, LLM2CLIP_PART_VISION, &part, 8), "struct_size");
  CHECK_OK(llm2clip_embeddings_free(rows));
  CHECK_OK(llm2clip_model_free(model));
  CHECK_REFUSED(llm2clip_model_get_part(model, LLM2CLIP_PART_VISION, &part, sizeof part),
                "freed before");
}

/* The content of a file of the demo model; its bytes are the caller's to free. */
static llm2clip_model_file file_in_memory(const char* name) {
  char path[256];
  FILE* file;
  long size = 0;
  uint8_t* bytes = NULL;
  snprintf(path, sizeof path, "%s/%s", DEMO, name);
  file = fopen(path, "rb");
  CHECK(file != NULL && fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) > 0);
  rewind(file);
  bytes = malloc((size_t)size);
  CHECK(bytes != NULL && fread(bytes, 1, (size_t)size, file) == (size_t)size);
  fclose(file);
  return (llm2clip_model_file){{name, strlen(name)}, bytes, (size_t)size};
}

static void a_model_is_loaded_from_memory(void) {
  llm2clip_model_file files[5];
  llm2clip_model* model = NULL;
  llm2clip_model* of_directory = load(DEMO);
  llm2clip_embeddings *rows = NULL, *expected = NULL;
  const llm2clip_string text = STRING("a red circle");
  const float *values = NULL, *expected_values = NULL;
  size_t dim = 0;
  files[0] = file_in_memory("llm2clip.json");
  files[1] = file_in_memory("tokenizer.json");
  files[2] = file_in_memory("text.pt");
  files[3] = file_in_memory("adapter.pt");
  files[4] = file_in_memory("vision.pt");
  CHECK_OK(llm2clip_model_load_files(files, 5, NULL, &model));
  CHECK_OK(llm2clip_encode_texts(model, &text, 1, NULL, &rows));
  CHECK_OK(llm2clip_encode_texts(of_directory, &text, 1, NULL, &expected));
  CHECK_OK(llm2clip_embeddings_view(rows, &values, NULL, &dim));
  CHECK_OK(llm2clip_embeddings_view(expected, &expected_values, NULL, NULL));
  CHECK(memcmp(values, expected_values, dim * sizeof(float)) == 0);
  CHECK_OK(llm2clip_model_free(model));
  CHECK_STATUS(llm2clip_model_load_files(files, 4, NULL, &model), LLM2CLIP_BAD_MODEL);
  CHECK(strstr(llm2clip_error_message(), "vision.pt") && model == NULL);
  CHECK_REFUSED(llm2clip_model_load_files(NULL, 1, NULL, &model), "files");
  CHECK_OK(llm2clip_embeddings_free(rows));
  CHECK_OK(llm2clip_embeddings_free(expected));
  CHECK_OK(llm2clip_model_free(of_directory));
  for (size_t i = 0; i < 5; ++i) free((void*)files[i].bytes);
}

void test_models(void) {
  a_model_is_loaded_from_memory();
  a_part_tells_what_it_occupies();
  a_model_tells_what_it_is();
  a_directory_is_described_without_loading_it();
  parts_load_on_their_own();
  a_model_runs_as_it_was_exported_when_asked();
  a_pinned_model_is_that_one_or_none();
  what_is_not_there_is_unavailable();
  a_precision_can_be_asked_for_beforehand();
  two_models_live_side_by_side();
}
