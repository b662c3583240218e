#define _POSIX_C_SOURCE 200809L

#include <pthread.h>

#include "check.h"

#define THREADS 8
#define CALLS 5

static const llm2clip_string texts[3] = {STRING("a dog"), STRING("a cat"), STRING("three cows")};

struct job {
  const llm2clip_model* model;
  const float* expected; /* 3 rows of 96 */
  int wrong;
};

static void* encode_again(void* argument) {
  struct job* job = argument;
  int i;
  for (i = 0; i < CALLS; ++i) {
    llm2clip_embeddings* rows = NULL;
    const float* values = NULL;
    size_t dim = 0;
    if (llm2clip_encode_texts(job->model, texts, 3, NULL, &rows) != LLM2CLIP_OK ||
        llm2clip_embeddings_view(rows, &values, NULL, &dim) != LLM2CLIP_OK ||
        memcmp(values, job->expected, 3 * dim * sizeof(float)) != 0 ||
        llm2clip_embeddings_free(rows) != LLM2CLIP_OK) {
      ++job->wrong;
    }
  }
  return NULL;
}

static void eight_threads_on_one_model_get_equal_rows(void) {
  llm2clip_model* model = load(tiny_directory());
  llm2clip_embeddings* rows = NULL;
  const float* expected = NULL;
  pthread_t threads[THREADS];
  struct job jobs[THREADS];
  int i;
  CHECK_OK(llm2clip_encode_texts(model, texts, 3, NULL, &rows));
  CHECK_OK(llm2clip_embeddings_view(rows, &expected, NULL, NULL));
  for (i = 0; i < THREADS; ++i) {
    jobs[i].model = model;
    jobs[i].expected = expected;
    jobs[i].wrong = 0;
    CHECK(pthread_create(&threads[i], NULL, encode_again, &jobs[i]) == 0);
  }
  for (i = 0; i < THREADS; ++i) {
    CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(jobs[i].wrong == 0);
  }
  CHECK_OK(llm2clip_embeddings_free(rows));
  CHECK_OK(llm2clip_model_free(model));
}

struct freeing {
  llm2clip_model* model;
  llm2clip_status status;
};

static bool free_the_model(size_t done, void* user_data) {
  struct freeing* freeing = user_data;
  if (done == 1) freeing->status = llm2clip_model_free(freeing->model);
  return true;
}

static void a_call_under_way_keeps_a_model_that_is_freed(void) {
  struct freeing freeing;
  llm2clip_encode_options options;
  llm2clip_embeddings* rows = NULL;
  freeing.model = load(tiny_directory());
  freeing.status = LLM2CLIP_INTERNAL;
  CHECK_OK(llm2clip_encode_options_init(&options, sizeof options));
  options.batch_tokens = 1;
  options.progress = free_the_model;
  options.user_data = &freeing;
  CHECK_OK(llm2clip_encode_texts(freeing.model, texts, 3, &options, &rows));
  CHECK(freeing.status == LLM2CLIP_OK);
  CHECK_OK(llm2clip_embeddings_free(rows));
  CHECK_REFUSED(llm2clip_encode_texts(freeing.model, texts, 3, &options, &rows), "freed before");
}

static void* fail_elsewhere(void* message) {
  llm2clip_tokenizer* tokenizer = NULL;
  /* A new thread has no message yet. */
  if (llm2clip_error_message()[0] != '\0') return NULL;
  llm2clip_tokenizer_load(TEXT("elsewhere"), NULL, &tokenizer);
  strncpy(message, llm2clip_error_message(), 99);
  return message;
}

static void each_thread_has_its_own_message(void) {
  char message[100] = "";
  pthread_t thread;
  void* result = NULL;
  CHECK_REFUSED(llm2clip_set_threads(-3), "-3");
  CHECK(pthread_create(&thread, NULL, fail_elsewhere, message) == 0);
  CHECK(pthread_join(thread, &result) == 0);
  CHECK(result == message && strstr(message, "elsewhere"));
  CHECK(strstr(llm2clip_error_message(), "-3"));
}

void test_threads(void) {
  eight_threads_on_one_model_get_equal_rows();
  a_call_under_way_keeps_a_model_that_is_freed();
  each_thread_has_its_own_message();
}
