#include <stdlib.h>

#include "check.h"

static void init_sets_the_documented_defaults(void) {
  llm2clip_load_options load_options;
  llm2clip_encode_options encode_options;
  llm2clip_embed_options embed_options;
  llm2clip_read_options read_options;
  llm2clip_preprocess_options preprocess_options;
  llm2clip_tokenizer_options tokenizer_options;
  CHECK_OK(llm2clip_load_options_init(&load_options, sizeof load_options));
  CHECK(load_options.struct_size == sizeof load_options);
  CHECK(load_options.device.length == 4 && memcmp(load_options.device.data, "auto", 4) == 0);
  CHECK(load_options.precision == LLM2CLIP_PRECISION_AUTO);
  CHECK(load_options.vision && load_options.text && !load_options.always_hash);
  CHECK(!load_options.trust_model && load_options.manifest_sha256.length == 0);
  CHECK(load_options.special_tokens == LLM2CLIP_SPECIAL_TOKENS_PARSE);
  CHECK(load_options.optimize == LLM2CLIP_OPTIMIZE_AUTO && load_options.expected_inputs == 0);
  CHECK_OK(llm2clip_encode_options_init(&encode_options, sizeof encode_options));
  CHECK(encode_options.batch_size == 16 && encode_options.batch_tokens == 4096);
  CHECK(encode_options.normalize && encode_options.adapter && !encode_options.progress);
  CHECK(!encode_options.left_out && !encode_options.stop && !load_options.stop);
  CHECK_OK(llm2clip_embed_options_init(&embed_options, sizeof embed_options));
  CHECK(embed_options.batch_size == 16 && embed_options.batch_tokens == 4096);
  CHECK(embed_options.normalize && embed_options.adapter && !embed_options.stop_at_failure);
  CHECK(embed_options.on_long == LLM2CLIP_ON_LONG_TRUNCATE && !embed_options.read);
  CHECK(embed_options.decoding_threads == 0 && embed_options.decode_memory == 1u << 30);
  CHECK(embed_options.text_window == 4096 && embed_options.batches_ahead == 4);
  CHECK(embed_options.bytes_ahead == 256u << 20 && embed_options.batches_behind == 4);
  CHECK(embed_options.bytes_behind == 64u << 20 && embed_options.most_failures == UINT64_MAX);
  CHECK(embed_options.most_failed_share == 1 && embed_options.failure_advice.length > 0);
  CHECK(!embed_options.progress && !embed_options.failed && !embed_options.stop);
  CHECK_OK(llm2clip_read_options_init(&read_options, sizeof read_options));
  CHECK(read_options.max_pixels == 89478485 && read_options.max_file_bytes == 256u << 20);
  CHECK(read_options.max_scans == 100 && read_options.max_side == 65535);
  CHECK(read_options.max_scan_pixels == 4000000000u);
  CHECK(!read_options.apply_orientation && !read_options.keep_mode);
  CHECK_OK(llm2clip_preprocess_options_init(&preprocess_options, sizeof preprocess_options));
  CHECK(preprocess_options.image_size == 224 && preprocess_options.order == LLM2CLIP_ORDER_HF);
  CHECK(preprocess_options.mean[0] > 0.4814f && preprocess_options.std[2] < 0.2758f);
  CHECK_OK(llm2clip_tokenizer_options_init(&tokenizer_options, sizeof tokenizer_options));
  CHECK(tokenizer_options.max_tokens == 512 && tokenizer_options.doc_max_length == INT32_MAX);
  CHECK(tokenizer_options.special_tokens == LLM2CLIP_SPECIAL_TOKENS_PARSE);
  CHECK(tokenizer_options.prompt_separator.length == strlen("!@#$%^&*()"));
}

/* A program compiled with a later header, whose struct has fields that we do not know. */
struct later_options {
  llm2clip_load_options known;
  uint64_t unknown;
};

static void structs_of_a_later_version_are_taken_when_they_ask_for_nothing_new(void) {
  struct later_options options;
  llm2clip_model* model = NULL;
  memset(&options, 0xff, sizeof options);
  CHECK_OK(llm2clip_load_options_init(&options.known, sizeof options));
  CHECK(options.unknown == 0 && options.known.struct_size == sizeof options);
  options.known.vision = false;
  CHECK_OK(llm2clip_model_load(tiny_directory(), strlen(tiny_directory()), &options.known, &model));
  CHECK_OK(llm2clip_model_free(model));
  options.unknown = 1;
  CHECK_REFUSED(
      llm2clip_model_load(tiny_directory(), strlen(tiny_directory()), &options.known, &model),
      "does not have");
}

static void structs_that_were_not_initialized_are_refused(void) {
  llm2clip_load_options options;
  llm2clip_model* model = NULL;
  memset(&options, 0, sizeof options);
  CHECK_REFUSED(llm2clip_model_load(TEXT("x"), &options, &model), "init function");
  memset(&options, 0xee, sizeof options);
  CHECK_REFUSED(llm2clip_model_load(TEXT("x"), &options, &model), "init function");
  CHECK_REFUSED(llm2clip_load_options_init(NULL, sizeof options), "NULL");
  CHECK_REFUSED(llm2clip_load_options_init(&options, 8), "struct_size");
  CHECK_REFUSED(llm2clip_encode_options_init(NULL, 64), "NULL");
  CHECK_REFUSED(llm2clip_read_options_init(NULL, 64), "NULL");
  CHECK_REFUSED(llm2clip_preprocess_options_init(NULL, 64), "NULL");
  CHECK_REFUSED(llm2clip_tokenizer_options_init(NULL, 64), "NULL");
}

static void numbers_that_name_nothing_are_refused(void) {
  llm2clip_load_options options;
  llm2clip_model* model = NULL;
  CHECK_OK(llm2clip_load_options_init(&options, sizeof options));
  options.precision = 17;
  CHECK_REFUSED(llm2clip_model_load(TEXT("x"), &options, &model), "precision");
  CHECK_OK(llm2clip_load_options_init(&options, sizeof options));
  options.special_tokens = 2;
  CHECK_REFUSED(llm2clip_model_load(TEXT("x"), &options, &model), "special_tokens");
  CHECK_OK(llm2clip_load_options_init(&options, sizeof options));
  options.optimize = -1;
  CHECK_REFUSED(llm2clip_model_load(TEXT("x"), &options, &model), "optimize");
  CHECK_OK(llm2clip_load_options_init(&options, sizeof options));
  options.device.data = NULL;
  CHECK_REFUSED(llm2clip_model_load(TEXT("x"), &options, &model), "device");
}

void test_options(void) {
  init_sets_the_documented_defaults();
  structs_of_a_later_version_are_taken_when_they_ask_for_nothing_new();
  structs_that_were_not_initialized_are_refused();
  numbers_that_name_nothing_are_refused();
}
