#include "check.h"

static llm2clip_tokenizer* tiny_tokenizer(const llm2clip_tokenizer_options* options) {
  llm2clip_tokenizer* tokenizer = NULL;
  char path[512];
  snprintf(path, sizeof path, "%s/tokenizer.json", tiny_directory());
  CHECK_OK(llm2clip_tokenizer_load(path, strlen(path), options, &tokenizer));
  return tokenizer;
}

static void special_tokens_in_a_text_are_tokens_or_letters(void) {
  llm2clip_tokenizer_options options;
  llm2clip_tokenizer* tokenizer = NULL;
  llm2clip_tokens* tokens = NULL;
  size_t count = 0;
  CHECK_OK(llm2clip_tokenizer_options_init(&options, sizeof options));
  tokenizer = tiny_tokenizer(&options);
  CHECK_OK(llm2clip_tokenizer_encode_raw(tokenizer, TEXT("<|eot_id|>"), &tokens));
  CHECK_OK(llm2clip_tokens_view(tokens, NULL, &count, NULL, NULL));
  CHECK(count == 1);
  CHECK_OK(llm2clip_tokens_free(tokens));
  CHECK_OK(llm2clip_tokenizer_free(tokenizer));
  options.special_tokens = LLM2CLIP_SPECIAL_TOKENS_LITERAL;
  tokenizer = tiny_tokenizer(&options);
  CHECK_OK(llm2clip_tokenizer_encode_raw(tokenizer, TEXT("<|eot_id|>"), &tokens));
  CHECK_OK(llm2clip_tokens_view(tokens, NULL, &count, NULL, NULL));
  CHECK(count == 10);
  CHECK_OK(llm2clip_tokens_free(tokens));
  CHECK_OK(llm2clip_tokenizer_free(tokenizer));
}

static void a_text_becomes_tokens_and_pieces(void) {
  llm2clip_tokenizer* tokenizer = tiny_tokenizer(NULL);
  llm2clip_tokens *tokens = NULL, *raw = NULL;
  llm2clip_bytes* piece = NULL;
  const int64_t* ids = NULL;
  const char* data = NULL;
  size_t count = 0, raw_count = 0, length = 0;
  int32_t pooled = -1;
  int64_t size = 0;
  bool truncated = true;
  CHECK_OK(llm2clip_tokenizer_encode(tokenizer, TEXT("ab"), &tokens));
  CHECK_OK(llm2clip_tokens_view(tokens, &ids, &count, &pooled, &truncated));
  CHECK(ids[0] == 256 && ids[count - 1] == 259); /* beginning-of-text, end of turn */
  CHECK(ids[count - 2] == 'b' && pooled == 3 && !truncated);
  CHECK_OK(llm2clip_tokenizer_encode_raw(tokenizer, TEXT("ab"), &raw));
  CHECK_OK(llm2clip_tokens_view(raw, &ids, &raw_count, &pooled, NULL));
  CHECK(raw_count == 2 && ids[0] == 'a' && ids[1] == 'b' && pooled == 0);
  CHECK_OK(llm2clip_tokenizer_piece(tokenizer, 259, &piece));
  CHECK_OK(llm2clip_bytes_view(piece, &data, &length));
  CHECK(length == 10 && memcmp(data, "<|eot_id|>", 10) == 0);
  CHECK_OK(llm2clip_tokenizer_vocabulary_size(tokenizer, &size));
  CHECK(size == 260);
  CHECK_REFUSED(llm2clip_tokenizer_vocabulary_size(tokenizer, NULL), "NULL");
  CHECK_OK(llm2clip_bytes_free(piece));
  CHECK_REFUSED(llm2clip_tokenizer_piece(tokenizer, -1, &piece), "-1");
  CHECK_OK(llm2clip_tokens_free(raw));
  CHECK_STATUS(llm2clip_tokenizer_encode(tokenizer, TEXT("\xff"), &raw), LLM2CLIP_UNREADABLE_INPUT);
  CHECK_OK(llm2clip_tokens_free(tokens));
  CHECK_OK(llm2clip_tokenizer_free(tokenizer));
}

static void the_prompt_and_the_limit_are_options(void) {
  llm2clip_tokenizer_options options;
  llm2clip_tokenizer* tokenizer;
  llm2clip_tokens* tokens = NULL;
  const int64_t* ids = NULL;
  size_t count = 0;
  bool truncated = false;
  CHECK_OK(llm2clip_tokenizer_options_init(&options, sizeof options));
  options.prompt_prefix.length = 0;
  options.prompt_suffix.length = 0;
  options.max_tokens = 3;
  tokenizer = tiny_tokenizer(&options);
  CHECK_OK(llm2clip_tokenizer_encode(tokenizer, TEXT("abc"), &tokens));
  CHECK_OK(llm2clip_tokens_view(tokens, &ids, &count, NULL, &truncated));
  CHECK(count == 3 && ids[0] == 256 && ids[1] == 'a' && ids[2] == 'b' && truncated);
  CHECK_OK(llm2clip_tokens_free(tokens));
  CHECK_OK(llm2clip_tokenizer_free(tokenizer));
}

static void the_tokenizer_of_a_model_outlives_the_model_s_handle(void) {
  llm2clip_tokenizer_options options;
  llm2clip_model* model = load(DEMO);
  llm2clip_tokenizer *of_model = NULL, *of_directory = NULL;
  llm2clip_tokens *a = NULL, *b = NULL;
  const int64_t *a_ids = NULL, *b_ids = NULL;
  size_t a_count = 0, b_count = 0;
  CHECK_OK(llm2clip_model_tokenizer(model, &of_model));
  CHECK_OK(llm2clip_model_free(model));
  CHECK_OK(
      llm2clip_tokenizer_load_of_model(TEXT(DEMO), LLM2CLIP_SPECIAL_TOKENS_LITERAL, &of_directory));
  CHECK_OK(llm2clip_tokenizer_encode(of_model, TEXT("a red circle"), &a));
  CHECK_OK(llm2clip_tokenizer_encode(of_directory, TEXT("a red circle"), &b));
  CHECK_OK(llm2clip_tokens_view(a, &a_ids, &a_count, NULL, NULL));
  CHECK_OK(llm2clip_tokens_view(b, &b_ids, &b_count, NULL, NULL));
  CHECK(a_count == 9 && b_count == 9 && memcmp(a_ids, b_ids, 9 * sizeof *a_ids) == 0);
  CHECK_OK(llm2clip_tokens_free(a));
  CHECK_OK(llm2clip_tokens_free(b));
  CHECK_OK(llm2clip_tokenizer_get_options(of_model, &options, sizeof options));
  CHECK(options.special_tokens == LLM2CLIP_SPECIAL_TOKENS_PARSE);
  CHECK_OK(llm2clip_tokenizer_get_options(of_directory, &options, sizeof options));
  CHECK(options.special_tokens == LLM2CLIP_SPECIAL_TOKENS_LITERAL && options.max_tokens == 512);
  CHECK(options.prompt_separator.length == strlen("!@#$%^&*()"));
  CHECK_OK(llm2clip_tokenizer_free(of_model));
  CHECK_OK(llm2clip_tokenizer_free(of_directory));
  CHECK_STATUS(llm2clip_tokenizer_load(TEXT("README.md"), NULL, &of_model), LLM2CLIP_BAD_MODEL);
  CHECK_STATUS(llm2clip_tokenizer_load_of_model(TEXT("docs"), 0, &of_model), LLM2CLIP_BAD_MODEL);
}

static void a_tokenizer_is_made_of_what_is_in_its_file(void) {
  static char content[100000];
  FILE* file = fopen("models/demo/tokenizer.json", "rb");
  const size_t length = file ? fread(content, 1, sizeof content, file) : 0;
  llm2clip_tokenizer* tokenizer = NULL;
  int64_t size = 0;
  if (file) fclose(file);
  CHECK(length > 0 && length < sizeof content);
  CHECK_OK(llm2clip_tokenizer_parse(content, length, TEXT("tokenizer.json"), NULL, &tokenizer));
  CHECK_OK(llm2clip_tokenizer_vocabulary_size(tokenizer, &size));
  CHECK(size > 256);
  CHECK_OK(llm2clip_tokenizer_free(tokenizer));
  CHECK_STATUS(llm2clip_tokenizer_parse(TEXT("{"), TEXT("half.json"), NULL, &tokenizer),
               LLM2CLIP_BAD_MODEL);
  CHECK(strstr(llm2clip_error_message(), "half.json"));
}

void test_tokenizers(void) {
  a_text_becomes_tokens_and_pieces();
  special_tokens_in_a_text_are_tokens_or_letters();
  the_prompt_and_the_limit_are_options();
  the_tokenizer_of_a_model_outlives_the_model_s_handle();
  a_tokenizer_is_made_of_what_is_in_its_file();
}
