#include <stdlib.h>

#include "check.h"

#define PICTURE "tests/data/unseen/image_000.png"

static uint8_t* read_all(const char* path, size_t* length) {
  FILE* file = fopen(path, "rb");
  uint8_t* bytes = malloc(1 << 20);
  CHECK(file != NULL);
  *length = file ? fread(bytes, 1, 1 << 20, file) : 0;
  if (file) fclose(file);
  return bytes;
}

static void check_same_pixels(const llm2clip_image* a, const llm2clip_image* b) {
  const uint8_t *a_pixels = NULL, *b_pixels = NULL;
  size_t a_bytes = 0, b_bytes = 0;
  CHECK_OK(llm2clip_image_view(a, NULL, NULL, NULL, &a_pixels, &a_bytes));
  CHECK_OK(llm2clip_image_view(b, NULL, NULL, NULL, &b_pixels, &b_bytes));
  CHECK(a_bytes == b_bytes && memcmp(a_pixels, b_pixels, a_bytes) == 0);
}

static void the_limits_hold(void) {
  llm2clip_read_options options;
  llm2clip_image* image = NULL;
  CHECK_OK(llm2clip_read_options_init(&options, sizeof options));
  options.max_side = 10;
  CHECK_STATUS(llm2clip_image_read(TEXT(PICTURE), &options, &image), LLM2CLIP_UNREADABLE_INPUT);
  CHECK(strstr(llm2clip_error_message(), "max_side") && image == NULL);
}

static void a_file_reads_the_same_from_disk_and_memory(void) {
  llm2clip_image *from_disk = NULL, *from_memory = NULL;
  size_t length = 0, bytes = 0;
  int32_t width = 0, height = 0;
  llm2clip_image_mode mode = -1;
  uint8_t* file = read_all(PICTURE, &length);
  CHECK_OK(llm2clip_image_read(TEXT(PICTURE), NULL, &from_disk));
  CHECK_OK(llm2clip_image_decode(file, length, TEXT("image"), NULL, &from_memory));
  check_same_pixels(from_disk, from_memory);
  CHECK_OK(llm2clip_image_view(from_disk, &width, &height, &mode, NULL, &bytes));
  CHECK(mode == LLM2CLIP_IMAGE_RGB && bytes == (size_t)(width * height * 3));
  CHECK_OK(llm2clip_image_free(from_disk));
  CHECK_OK(llm2clip_image_free(from_memory));
  CHECK_STATUS(llm2clip_image_decode(file, length / 2, TEXT("half an image"), NULL, &from_memory),
               LLM2CLIP_UNREADABLE_INPUT);
  CHECK(strstr(llm2clip_error_message(), "half an image") && from_memory == NULL);
  CHECK_STATUS(llm2clip_image_read(TEXT("README.md"), NULL, &from_disk), LLM2CLIP_UNREADABLE_INPUT);
  free(file);
}

static void limits_are_kept(void) {
  llm2clip_read_options options;
  llm2clip_image* image = NULL;
  CHECK_OK(llm2clip_read_options_init(&options, sizeof options));
  options.max_pixels = 10;
  CHECK_STATUS(llm2clip_image_read(TEXT(PICTURE), &options, &image), LLM2CLIP_UNREADABLE_INPUT);
  CHECK_OK(llm2clip_read_options_init(&options, sizeof options));
  options.max_file_bytes = 10;
  CHECK_STATUS(llm2clip_image_read(TEXT(PICTURE), &options, &image), LLM2CLIP_UNREADABLE_INPUT);
  CHECK(image == NULL);
}

static void a_png_gives_the_pixels_back(void) {
  llm2clip_image *image = plain_image(5, 4, 77), *back = NULL;
  llm2clip_bytes* png = NULL;
  const char* data = NULL;
  size_t length = 0;
  CHECK_OK(llm2clip_image_encode_png(image, &png));
  CHECK_OK(llm2clip_bytes_view(png, &data, &length));
  CHECK_OK(llm2clip_image_decode((const uint8_t*)data, length, TEXT("png"), NULL, &back));
  check_same_pixels(image, back);
  CHECK_OK(llm2clip_bytes_free(png));
  CHECK_OK(llm2clip_image_free(image));
  CHECK_OK(llm2clip_image_free(back));
}

static void a_thumbnail_is_a_small_jpeg(void) {
  llm2clip_image *image = plain_image(60, 40, 77), *small = NULL;
  llm2clip_bytes* jpeg = NULL;
  const char* data = NULL;
  size_t length = 0;
  int32_t width = 0, height = 0;
  CHECK_OK(llm2clip_image_thumbnail(image, 30, &jpeg));
  CHECK_OK(llm2clip_bytes_view(jpeg, &data, &length));
  CHECK(length > 2 && memcmp(data, "\xFF\xD8", 2) == 0);
  CHECK_OK(llm2clip_image_decode((const uint8_t*)data, length, TEXT("jpeg"), NULL, &small));
  CHECK_OK(llm2clip_image_view(small, &width, &height, NULL, NULL, NULL));
  CHECK(width == 30 && height == 20);
  CHECK_OK(llm2clip_bytes_free(jpeg));
  CHECK_REFUSED(llm2clip_image_thumbnail(image, 0, &jpeg), "side");
  CHECK_OK(llm2clip_image_free(small));
  CHECK_OK(llm2clip_image_free(image));
}

static void palettes_become_rgb(void) {
  size_t bytes = 0;
  const uint8_t indices[2] = {1, 0};
  const uint8_t palette[6] = {1, 2, 3, 4, 5, 6};
  const uint8_t expected[6] = {4, 5, 6, 1, 2, 3};
  llm2clip_image *image = NULL, *rgb = NULL;
  llm2clip_bytes* png = NULL;
  const uint8_t *pixels = NULL, *colors = NULL;
  size_t length = 0;
  CHECK_OK(
      llm2clip_image_from_pixels(LLM2CLIP_IMAGE_PALETTE, 2, 1, indices, 2, palette, 6, &image));
  CHECK_OK(llm2clip_image_palette_view(image, &colors, &length));
  CHECK(length == 6 && memcmp(colors, palette, 6) == 0);
  CHECK_OK(llm2clip_image_to_rgb(image, &rgb));
  CHECK_OK(llm2clip_image_view(rgb, NULL, NULL, NULL, &pixels, &length));
  CHECK(length == 6 && memcmp(pixels, expected, 6) == 0);
  CHECK_REFUSED(llm2clip_image_encode_png(image, &png), "RGB");
  CHECK_OK(llm2clip_image_free(rgb));
  CHECK_OK(llm2clip_image_free(image));
  CHECK_REFUSED(
      llm2clip_image_from_pixels(LLM2CLIP_IMAGE_PALETTE, 2, 1, indices, 2, palette, 5, &image),
      "palette");
  CHECK_REFUSED(
      llm2clip_image_from_pixels(LLM2CLIP_IMAGE_GRAY, 2, 1, indices, 2, palette, 6, &image),
      "palette");
  CHECK_REFUSED(llm2clip_image_from_pixels(55, 2, 1, indices, 2, NULL, 0, &image), "mode");
  CHECK_OK(llm2clip_bytes_per_pixel(LLM2CLIP_IMAGE_CMYK, &bytes));
  CHECK(bytes == 4);
  CHECK_REFUSED(llm2clip_bytes_per_pixel(-1, &bytes), "mode");
}

static void rows_with_padding_and_blue_first_are_taken(void) {
  /* Two rows of two pixels, eight bytes apart, blue first; 9 is padding. */
  const uint8_t bgr[14] = {3, 2, 1, 6, 5, 4, 9, 9, 30, 20, 10, 60, 50, 40};
  const uint8_t rgb[12] = {1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60};
  llm2clip_image *image = NULL, *plain = NULL;
  CHECK_OK(llm2clip_image_from_rgb(2, 2, rgb, 12, &plain));
  CHECK_OK(llm2clip_image_from_rows(LLM2CLIP_IMAGE_RGB, LLM2CLIP_CHANNELS_BGR, 2, 2, 8, bgr, 14,
                                    &image));
  check_same_pixels(image, plain);
  CHECK_OK(llm2clip_image_free(image));
  CHECK_OK(llm2clip_image_free(plain));
  CHECK_REFUSED(
      llm2clip_image_from_rows(LLM2CLIP_IMAGE_RGB, LLM2CLIP_CHANNELS_BGR, 2, 2, 8, bgr, 13, &image),
      "8 apart");
  CHECK_REFUSED(llm2clip_image_from_rows(LLM2CLIP_IMAGE_RGB, 7, 2, 2, 8, bgr, 14, &image),
                "channels");
}

static void preprocessing_gives_what_the_network_sees(void) {
  llm2clip_image *image = plain_image(40, 30, 255), *seen = NULL;
  llm2clip_preprocess_options options, of_model;
  llm2clip_model* model = load(tiny_directory());
  float pixels[3 * 8 * 8], normalized[3 * 8 * 8];
  const uint8_t* crop = NULL;
  int32_t width = 0, height = 0;
  size_t bytes = 0, i;
  CHECK_OK(llm2clip_preprocess_options_init(&options, sizeof options));
  CHECK_OK(llm2clip_model_preprocess_options(model, &of_model, sizeof of_model));
  CHECK(of_model.image_size == 8 && of_model.order == LLM2CLIP_ORDER_HF);
  CHECK(of_model.mean[1] == 0.5f && of_model.std[1] == 0.25f);
  CHECK_OK(llm2clip_resize_and_crop(image, &of_model, &seen));
  CHECK_OK(llm2clip_image_view(seen, &width, &height, NULL, NULL, NULL));
  CHECK(width == 8 && height == 8);
  CHECK_OK(llm2clip_image_view(seen, NULL, NULL, NULL, &crop, &bytes));
  CHECK_OK(llm2clip_normalize_crops(crop, bytes, &of_model, normalized, 3 * 8 * 8));
  CHECK_REFUSED(llm2clip_normalize_crops(crop, bytes, &of_model, normalized, 7), "7");
  CHECK_OK(llm2clip_preprocess(image, &of_model, pixels, 3 * 8 * 8));
  CHECK(memcmp(pixels, normalized, sizeof pixels) == 0);
  for (i = 0; i < 3 * 8 * 8; ++i) CHECK(pixels[i] == 2.0f); /* (1 - 0.5) / 0.25 */
  CHECK_REFUSED(llm2clip_preprocess(image, &of_model, pixels, 3 * 8 * 8 - 1), "pixels");
  CHECK_REFUSED(llm2clip_preprocess(image, NULL, pixels, 3 * 8 * 8), "pixels");
  CHECK_REFUSED(llm2clip_preprocess(image, &of_model, NULL, 3 * 8 * 8), "pixels");
  of_model.order = 3;
  CHECK_REFUSED(llm2clip_preprocess(image, &of_model, pixels, 3 * 8 * 8), "order");
  CHECK_OK(llm2clip_image_free(seen));
  CHECK_OK(llm2clip_image_free(image));
  CHECK_OK(llm2clip_model_free(model));
}

void test_images(void) {
  a_file_reads_the_same_from_disk_and_memory();
  the_limits_hold();
  limits_are_kept();
  a_png_gives_the_pixels_back();
  a_thumbnail_is_a_small_jpeg();
  palettes_become_rgb();
  rows_with_padding_and_blue_first_are_taken();
  preprocessing_gives_what_the_network_sees();
}
