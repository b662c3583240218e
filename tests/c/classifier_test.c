#include "check.h"

static const llm2clip_string labels[3] = {STRING("red circle"), STRING("brown ring"),
                                          STRING("green square")};
static const llm2clip_string templates[2] = {STRING("a photo of a {}."),
                                             STRING("an image of a {}")};

/* The README's program: which label is the image? */
static void a_picture_finds_its_label(llm2clip_model* model, llm2clip_classifier* classifier) {
  llm2clip_image* image = NULL;
  const llm2clip_image* images[1];
  llm2clip_embeddings *image_rows = NULL, *label_rows = NULL, *scores = NULL;
  const float* values = NULL;
  llm2clip_match best;
  size_t found = 0, count = 0;
  CHECK_OK(llm2clip_image_read(TEXT("tests/data/unseen/image_000.png"), NULL, &image));
  images[0] = image;
  CHECK_OK(llm2clip_encode_images(model, images, 1, NULL, &image_rows));
  CHECK_OK(llm2clip_classifier_embeddings(classifier, &label_rows));
  CHECK_OK(llm2clip_cosines(image_rows, label_rows, &scores));
  CHECK_OK(llm2clip_embeddings_view(scores, &values, NULL, &count));
  CHECK_OK(llm2clip_top_k(values, count, &best, 1, &found));
  CHECK(count == 3 && found == 1 && best.index == 1);
  CHECK_OK(llm2clip_image_free(image));
  CHECK_OK(llm2clip_embeddings_free(image_rows));
  CHECK_OK(llm2clip_embeddings_free(label_rows));
  CHECK_OK(llm2clip_embeddings_free(scores));
}

static void a_label_bank_comes_back_whole(llm2clip_model* model, llm2clip_classifier* classifier) {
  llm2clip_classifier* loaded = NULL;
  llm2clip_embeddings *before = NULL, *after = NULL;
  const float *a = NULL, *b = NULL;
  const char* text = NULL;
  size_t rows = 0, dim = 0, label_count = 0, template_count = 0, length = 0;
  const char* path = scratch("labels.safetensors");
  CHECK_OK(llm2clip_classifier_save(classifier, path, strlen(path)));
  CHECK_OK(llm2clip_classifier_load(path, strlen(path), &loaded));
  CHECK_OK(llm2clip_classifier_check_fits(loaded, model));
  CHECK_OK(llm2clip_classifier_counts(loaded, &label_count, &template_count));
  CHECK(label_count == 3 && template_count == 2);
  CHECK_OK(llm2clip_classifier_label(loaded, 1, &text, &length));
  CHECK(length == 10 && memcmp(text, "brown ring", 10) == 0);
  CHECK_OK(llm2clip_classifier_template(loaded, 0, &text, &length));
  CHECK(length == 16 && memcmp(text, "a photo of a {}.", 16) == 0);
  CHECK_REFUSED(llm2clip_classifier_label(loaded, 3, &text, &length), "index");
  CHECK_REFUSED(llm2clip_classifier_template(loaded, 2, &text, &length), "index");
  CHECK_OK(llm2clip_classifier_embeddings(classifier, &before));
  CHECK_OK(llm2clip_classifier_embeddings(loaded, &after));
  CHECK_OK(llm2clip_classifier_free(loaded));
  /* The rows outlive the handle of the classifier they are shared with. */
  CHECK_OK(llm2clip_embeddings_view(before, &a, &rows, &dim));
  CHECK_OK(llm2clip_embeddings_view(after, &b, NULL, NULL));
  CHECK(rows == 3 && memcmp(a, b, rows * dim * sizeof(float)) == 0);
  CHECK_OK(llm2clip_embeddings_free(before));
  CHECK_OK(llm2clip_embeddings_free(after));
}

static void a_bank_of_another_model_does_not_fit(llm2clip_classifier* classifier) {
  llm2clip_model* tiny = load(tiny_directory());
  CHECK_REFUSED(llm2clip_classifier_check_fits(classifier, tiny), "label bank");
  CHECK_OK(llm2clip_model_free(tiny));
}

static void labels_that_cannot_be_used_are_refused(llm2clip_model* model) {
  const llm2clip_string without_place = STRING("a photo");
  llm2clip_classifier* classifier = NULL;
  CHECK_REFUSED(llm2clip_classifier_from_labels(model, NULL, 0, NULL, 0, NULL, &classifier),
                "labels");
  CHECK_REFUSED(
      llm2clip_classifier_from_labels(model, labels, 3, &without_place, 1, NULL, &classifier),
      "{}");
  CHECK_STATUS(llm2clip_classifier_load(TEXT("README.md"), &classifier), LLM2CLIP_BAD_MODEL);
  CHECK(classifier == NULL);
}

void test_classifiers(void) {
  llm2clip_model* model = load(DEMO);
  llm2clip_classifier* classifier = NULL;
  CHECK_OK(llm2clip_classifier_from_labels(model, labels, 3, templates, 2, NULL, &classifier));
  a_picture_finds_its_label(model, classifier);
  a_label_bank_comes_back_whole(model, classifier);
  a_bank_of_another_model_does_not_fit(classifier);
  labels_that_cannot_be_used_are_refused(model);
  CHECK_STATUS(llm2clip_classifier_save(classifier, TEXT("/no/such/folder/x")), LLM2CLIP_IO);
  CHECK_OK(llm2clip_classifier_free(classifier));
  CHECK_OK(llm2clip_model_free(model));
}
