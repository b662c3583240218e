/* Runs every test of the C interface, or those named: c_api_test [NAME]... The model directories
 * are models/demo and the one that LLM2CLIP_TINY_MODEL names (make_tiny_model writes it). */
#define _POSIX_C_SOURCE 200809L

#include <stdlib.h>
#include <unistd.h>

#include "check.h"

int failures = 0;

void check_status(llm2clip_status status, llm2clip_status expected, const char* call,
                  const char* file, int line) {
  if (status == expected) return;
  fprintf(stderr, "%s:%d: %s: expected %s, got %s (%s)\n", file, line, call,
          llm2clip_status_name(expected), llm2clip_status_name(status),
          status == LLM2CLIP_OK ? "" : llm2clip_error_message());
  ++failures;
}

void check_message(const char* part, const char* call, const char* file, int line) {
  if (strstr(llm2clip_error_message(), part)) return;
  fprintf(stderr, "%s:%d: %s: expected \"%s\" in the message, got \"%s\"\n", file, line, call, part,
          llm2clip_error_message());
  ++failures;
}

const char* tiny_directory(void) {
  const char* directory = getenv("LLM2CLIP_TINY_MODEL");
  return directory ? directory : "build/dev/tests/c/tiny-model";
}

static char scratch_folder[] = "/tmp/llm2clip-c-XXXXXX";

const char* scratch(const char* name) {
  static char path[256];
  snprintf(path, sizeof path, "%s/%s", scratch_folder, name);
  return path;
}

bool file_exists(const char* path) { return access(path, R_OK) == 0; }

llm2clip_model* load(const char* directory) {
  llm2clip_load_options options;
  llm2clip_model* model = NULL;
  CHECK_OK(llm2clip_load_options_init(&options, sizeof options));
  options.device.data = "cpu";
  options.device.length = 3;
  CHECK_OK(llm2clip_model_load(directory, strlen(directory), &options, &model));
  return model;
}

llm2clip_image* plain_image(int32_t width, int32_t height, uint8_t value) {
  const size_t bytes = (size_t)width * (size_t)height * 3;
  uint8_t* pixels = malloc(bytes);
  llm2clip_image* image = NULL;
  memset(pixels, value, bytes);
  CHECK_OK(llm2clip_image_from_rgb(width, height, pixels, bytes, &image));
  free(pixels);
  return image;
}

struct test {
  const char* name;
  void (*run)(void);
};

static const struct test tests[] = {
    {"fork", test_fork},
    {"status", test_status},
    {"options", test_options},
    {"handles", test_handles},
    {"models", test_models},
    {"encoding", test_encoding},
    {"images", test_images},
    {"embedding", test_embedding},
    {"runs", test_runs},
    {"tokenizers", test_tokenizers},
    {"embeddings", test_embeddings},
    {"classifiers", test_classifiers},
    {"evaluation", test_evaluation},
    {"files", test_files},
    {"indexes", test_indexes},
    {"verify", test_verify},
    {"threads", test_threads},
    {"log", test_log},
};

static bool wanted(const char* name, int count, char** names) {
  int i;
  for (i = 1; i < count; ++i) {
    if (strcmp(names[i], name) == 0) return true;
  }
  return count == 1;
}

int main(int count, char** names) {
  size_t i;
  char command[300];
  if (!mkdtemp(scratch_folder)) return 2;
  for (i = 0; i < sizeof tests / sizeof *tests; ++i) {
    if (!wanted(tests[i].name, count, names)) continue;
    tests[i].run();
    if (llm2clip_live_handles() != 0) {
      fprintf(stderr, "%s: leaves %zu handles\n", tests[i].name, llm2clip_live_handles());
      ++failures;
    }
  }
  snprintf(command, sizeof command, "rm -r %s", scratch_folder);
  if (system(command) != 0) ++failures;
  printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
