/* Loads a model, embeds with it and frees it, over and over:
 *
 *   load_cycles MODEL_DIR CYCLES MOST_MIB
 *
 * Ends with 1 when resident memory grew by more than MOST_MIB after the first cycles, in which
 * LibTorch fills caches that it keeps for ever. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "llm2clip/c/llm2clip.h"

#define FIRST_CYCLES 10

static double resident_mib(void) {
  long pages = 0, resident = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  if (!file || fscanf(file, "%ld %ld", &pages, &resident) != 2) resident = 0;
  if (file) fclose(file);
  return (double)resident * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

/* One call of each kind that holds memory; the same shapes each time. */
static llm2clip_status embed(const llm2clip_model* model) {
  static const uint8_t pixels[16 * 16 * 3];
  const llm2clip_string text = {"a dog", 5};
  llm2clip_image* image = NULL;
  llm2clip_embeddings *image_rows = NULL, *text_rows = NULL;
  llm2clip_status status = llm2clip_image_from_rgb(16, 16, pixels, sizeof pixels, &image);
  if (status == LLM2CLIP_OK) {
    const llm2clip_image* images[1];
    images[0] = image;
    status = llm2clip_encode_images(model, images, 1, NULL, &image_rows);
  }
  if (status == LLM2CLIP_OK) status = llm2clip_encode_texts(model, &text, 1, NULL, &text_rows);
  llm2clip_image_free(image);
  llm2clip_embeddings_free(image_rows);
  llm2clip_embeddings_free(text_rows);
  return status;
}

static llm2clip_status cycle(const char* directory) {
  llm2clip_model* model = NULL;
  llm2clip_status status = llm2clip_model_load(directory, strlen(directory), NULL, &model);
  if (status == LLM2CLIP_OK) status = embed(model);
  llm2clip_model_free(model);
  return status;
}

int main(int count, char** arguments) {
  double before = 0, growth;
  long cycles, most, i;
  if (count != 4) return 2;
  cycles = atol(arguments[2]);
  most = atol(arguments[3]);
  for (i = 0; i < FIRST_CYCLES + cycles; ++i) {
    if (i == FIRST_CYCLES) before = resident_mib();
    if (cycle(arguments[1]) != LLM2CLIP_OK) {
      fprintf(stderr, "cycle %ld: %s\n", i, llm2clip_error_message());
      return 1;
    }
    if ((i + 1) % 100 == 0) printf("%ld cycles, %.1f MiB\n", i + 1, resident_mib());
  }
  growth = resident_mib() - before;
  printf("%ld cycles: resident memory %.1f MiB, grown by %.1f MiB\n", cycles, resident_mib(),
         growth);
  return before > 0 && growth <= (double)most ? 0 : 1;
}
