/* Which of the labels does an image show?
 *   classify MODEL IMAGE LABEL LABEL...
 */
#include <llm2clip/c/llm2clip.h>
#include <stdio.h>
#include <string.h>

enum { MOST_LABELS = 32 };

static int fail(const char* what) {
  fprintf(stderr, "%s: %s\n", what, llm2clip_error_message());
  return 1;
}

int main(int argc, char** argv) {
  llm2clip_model* model = NULL;
  llm2clip_image* image = NULL;
  llm2clip_embeddings *texts = NULL, *image_rows = NULL, *cosines = NULL;
  llm2clip_string labels[MOST_LABELS];
  llm2clip_match best[MOST_LABELS];
  const float* values = NULL;
  size_t count = 0, found = 0, i;
  int status = 1;

  if (argc < 5 || argc > 3 + MOST_LABELS) {
    fprintf(stderr, "usage: classify MODEL IMAGE LABEL LABEL...\n");
    return 2;
  }
  for (i = 0; i < (size_t)argc - 3; ++i) {
    labels[i].data = argv[i + 3];
    labels[i].length = strlen(argv[i + 3]);
  }

  if (llm2clip_model_load(argv[1], strlen(argv[1]), NULL, &model)) {
    fail("model");
  } else if (llm2clip_image_read(argv[2], strlen(argv[2]), NULL, &image)) {
    fail("image");
  } else {
    const llm2clip_image* images[1];
    images[0] = image;
    if (llm2clip_encode_texts(model, labels, (size_t)argc - 3, NULL, &texts) ||
        llm2clip_encode_images(model, images, 1, NULL, &image_rows) ||
        llm2clip_cosines(image_rows, texts, &cosines) ||
        llm2clip_embeddings_view(cosines, &values, NULL, &count) ||
        llm2clip_top_k(values, count, best, count, &found)) {
      fail("classify");
    } else {
      for (i = 0; i < found; ++i) printf("%.4f  %s\n", best[i].score, labels[best[i].index].data);
      status = 0;
    }
  }

  /* NULL is freed without complaint. */
  llm2clip_embeddings_free(cosines);
  llm2clip_embeddings_free(image_rows);
  llm2clip_embeddings_free(texts);
  llm2clip_image_free(image);
  llm2clip_model_free(model);
  return status;
}
