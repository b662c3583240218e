#include "check.h"

static void messages_belong_to_the_last_failure(void) {
  llm2clip_model* model = NULL;
  CHECK_STATUS(llm2clip_model_load(TEXT("no/such/model"), NULL, &model), LLM2CLIP_BAD_MODEL);
  CHECK(model == NULL);
  CHECK(strstr(llm2clip_error_message(), "no/such/model") != NULL);
  /* A call that succeeds, such as clearing up, leaves the message alone. */
  CHECK_OK(llm2clip_model_free(NULL));
  CHECK(strstr(llm2clip_error_message(), "no/such/model") != NULL);
  CHECK_REFUSED(llm2clip_set_threads(0), "threads: expected 1 to 1024, got 0");
  CHECK_REFUSED(llm2clip_set_threads(1025), "threads: expected 1 to 1024, got 1025");
  CHECK_REFUSED(llm2clip_set_threads(INT32_MIN), "threads: expected 1 to 1024");
  CHECK_OK(llm2clip_set_threads(1));
}

static void every_status_has_a_name(void) {
  CHECK(strcmp(llm2clip_status_name(LLM2CLIP_OK), "ok") == 0);
  CHECK(strcmp(llm2clip_status_name(LLM2CLIP_INVALID_ARGUMENT), "invalid argument") == 0);
  CHECK(strcmp(llm2clip_status_name(LLM2CLIP_UNREADABLE_INPUT), "unreadable input") == 0);
  CHECK(strcmp(llm2clip_status_name(LLM2CLIP_BAD_MODEL), "bad model") == 0);
  CHECK(strcmp(llm2clip_status_name(LLM2CLIP_UNAVAILABLE), "unavailable") == 0);
  CHECK(strcmp(llm2clip_status_name(LLM2CLIP_OUT_OF_MEMORY), "out of memory") == 0);
  CHECK(strcmp(llm2clip_status_name(LLM2CLIP_IO), "io") == 0);
  CHECK(strcmp(llm2clip_status_name(LLM2CLIP_INTERNAL), "internal") == 0);
}

void test_status(void) {
  CHECK(strcmp(llm2clip_version(), LLM2CLIP_PROJECT_VERSION) == 0);
  messages_belong_to_the_last_failure();
  every_status_has_a_name();
}
