#define _POSIX_C_SOURCE 200809L

#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static int load_and_embed(void) {
  llm2clip_model* model = load(tiny_directory());
  llm2clip_image* image = plain_image(9, 9, 40);
  const llm2clip_image* images[1];
  const llm2clip_string text = STRING("a dog");
  llm2clip_embeddings *image_rows = NULL, *text_rows = NULL, *scores = NULL;
  const float* values = NULL;
  size_t rows = 0, dim = 0;
  images[0] = image;
  CHECK_OK(llm2clip_encode_images(model, images, 1, NULL, &image_rows));
  CHECK_OK(llm2clip_encode_texts(model, &text, 1, NULL, &text_rows));
  CHECK_OK(llm2clip_cosines(image_rows, text_rows, &scores));
  CHECK_OK(llm2clip_embeddings_view(scores, &values, &rows, &dim));
  CHECK(rows == 1 && dim == 1 && values[0] >= -1.001f && values[0] <= 1.001f);
  CHECK_OK(llm2clip_image_free(image));
  CHECK_OK(llm2clip_embeddings_free(image_rows));
  CHECK_OK(llm2clip_embeddings_free(text_rows));
  CHECK_OK(llm2clip_embeddings_free(scores));
  CHECK_OK(llm2clip_model_free(model));
  CHECK(llm2clip_live_handles() == 0);
  return failures;
}

/* Two workers of a server that forks before it loads, and then the server itself. */
void test_fork(void) {
  pid_t children[2];
  int i, status = 0;
  for (i = 0; i < 2; ++i) {
    children[i] = fork();
    if (children[i] == 0) _exit(load_and_embed() == 0 ? 0 : 1);
    CHECK(children[i] > 0);
  }
  for (i = 0; i < 2; ++i) {
    CHECK(waitpid(children[i], &status, 0) == children[i]);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  load_and_embed();
}
