#include "check.h"

struct lines {
  int count[3]; /* by level */
  char all[4096];
};

static void keep(llm2clip_log_level level, const char* message, size_t length, void* user_data) {
  struct lines* lines = user_data;
  const size_t used = strlen(lines->all);
  CHECK(length == strlen(message) && strchr(message, '\n') == NULL);
  ++lines->count[level];
  if (used + length + 2 < sizeof lines->all) sprintf(lines->all + used, "%s\n", message);
}

static void encode_a_text(const llm2clip_model* model) {
  const llm2clip_string text = STRING("a dog");
  llm2clip_embeddings* rows = NULL;
  CHECK_OK(llm2clip_encode_texts(model, &text, 1, NULL, &rows));
  CHECK_OK(llm2clip_embeddings_free(rows));
}

static void the_log_tells_of_loading_and_encoding(void) {
  struct lines lines = {{0, 0, 0}, ""};
  llm2clip_model* model;
  CHECK_OK(llm2clip_set_log_callback(keep, &lines, LLM2CLIP_LOG_DEBUG));
  model = load(DEMO);
  encode_a_text(model);
  CHECK_OK(llm2clip_set_log_callback(NULL, NULL, LLM2CLIP_LOG_DEBUG));
  CHECK(strstr(lines.all, "loading llm2clip-demo from models/demo"));
  CHECK(strstr(lines.all, "vision.pt: SHA-256 computed in "));
  CHECK(strstr(lines.all, "vision.pt: float32, computes in float32 on cpu (as stored); "));
  CHECK(strstr(lines.all, "loaded llm2clip-demo in "));
  CHECK(strstr(lines.all, "batch of 1 texts of "));
  CHECK(strstr(lines.all, "read back "));
  CHECK(strstr(lines.all, "encoded 1 texts in "));
  encode_a_text(model);
  CHECK(lines.count[LLM2CLIP_LOG_DEBUG] == 9 && lines.count[LLM2CLIP_LOG_INFO] == 8);
  CHECK_OK(llm2clip_model_free(model));
}

static void lines_below_the_level_are_dropped(void) {
  struct lines lines = {{0, 0, 0}, ""};
  CHECK_OK(llm2clip_set_log_callback(keep, &lines, LLM2CLIP_LOG_WARNING));
  CHECK_OK(llm2clip_model_free(load(DEMO)));
  CHECK_OK(llm2clip_set_log_callback(NULL, NULL, LLM2CLIP_LOG_WARNING));
  CHECK(lines.all[0] == '\0');
  CHECK_REFUSED(llm2clip_set_log_callback(keep, &lines, 3), "log level");
}

void test_log(void) {
  the_log_tells_of_loading_and_encoding();
  lines_below_the_level_are_dropped();
}
