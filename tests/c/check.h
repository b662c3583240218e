/* Checks for tests in C: a check that fails says where and why, and the program goes on to the next
 * one and ends with 1. */
#ifndef LLM2CLIP_TESTS_C_CHECK_H
#define LLM2CLIP_TESTS_C_CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "llm2clip/c/llm2clip.h"

extern int failures;

#define CHECK(condition)                                                        \
  do {                                                                          \
    if (!(condition)) {                                                         \
      fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
      ++failures;                                                               \
    }                                                                           \
  } while (0)

#define CHECK_STATUS(call, expected) check_status((call), (expected), #call, __FILE__, __LINE__)
#define CHECK_OK(call) CHECK_STATUS(call, LLM2CLIP_OK)
/* The call is refused, with a message that has `part` in it. */
#define CHECK_REFUSED(call, part)                   \
  do {                                              \
    CHECK_STATUS(call, LLM2CLIP_INVALID_ARGUMENT);  \
    check_message(part, #call, __FILE__, __LINE__); \
  } while (0)

/* A callback ended the call. */
#define CHECK_CANCELLED(call) CHECK_STATUS(call, LLM2CLIP_CANCELLED)

void check_status(llm2clip_status status, llm2clip_status expected, const char* call,
                  const char* file, int line);
void check_message(const char* part, const char* call, const char* file, int line);

/* A literal as (pointer, length), and as a struct. */
#define TEXT(literal) (literal), (sizeof(literal) - 1)
#define STRING(literal) {(literal), (sizeof(literal) - 1)}

/* Model directories: a tiny one with random weights, made before the tests, and the demo. */
const char* tiny_directory(void);
#define DEMO "models/demo"

/* A file name in a folder of this run. Lives until the next call. */
const char* scratch(const char* name);
bool file_exists(const char* path);

llm2clip_model* load(const char* directory);
llm2clip_image* plain_image(int32_t width, int32_t height, uint8_t value);

/* Each is a file of tests. */
void test_fork(void); /* first: the library must not have been used */
void test_status(void);
void test_options(void);
void test_handles(void);
void test_models(void);
void test_encoding(void);
void test_images(void);
void test_embedding(void);
void test_runs(void);
void test_tokenizers(void);
void test_embeddings(void);
void test_classifiers(void);
void test_evaluation(void);
void test_files(void);
void test_indexes(void);
void test_verify(void);
void test_threads(void);
void test_log(void);

#endif
