#include "check.h"

static size_t read_text(const char* path, char* text, size_t room) {
  FILE* file = fopen(path, "rb");
  const size_t length = file ? fread(text, 1, room - 1, file) : 0;
  if (file) fclose(file);
  text[length] = '\0';
  return length;
}

static void rows_go_to_files(void) {
  const float values[4] = {0.5f, -1, 0.25f, 0};
  const llm2clip_string ids[2] = {STRING("a.jpg"), STRING("b,c.jpg")};
  const llm2clip_provenance entry = {STRING("model"), STRING("tiny")};
  llm2clip_embeddings* rows = NULL;
  llm2clip_embeddings* again = NULL;
  llm2clip_strings *names = NULL, *provenance = NULL;
  const float* read = NULL;
  const llm2clip_string *name = NULL, *words = NULL;
  size_t row_count = 0, name_count = 0, word_count = 0;
  char text[512];
  const char* path;
  CHECK_OK(llm2clip_embeddings_from_values(values, 4, 2, 2, &rows));
  path = scratch("rows.csv");
  CHECK_OK(llm2clip_write_embeddings(path, strlen(path), rows, ids, 2, NULL, 0,
                                     LLM2CLIP_STORED_FLOAT32));
  read_text(path, text, sizeof text);
  CHECK(strcmp(text, "id,e0,e1\na.jpg,0.5,-1\n\"b,c.jpg\",0.25,0\n") == 0);
  path = scratch("rows.npy");
  CHECK_OK(llm2clip_write_embeddings(path, strlen(path), rows, ids, 2, &entry, 1,
                                     LLM2CLIP_STORED_FLOAT16));
  CHECK(read_text(path, text, sizeof text) == 256 + 4 * 2);
  read_text(scratch("rows.npy.json"), text, sizeof text);
  CHECK(strstr(text, "\"model\": \"tiny\"") && strstr(text, "float16"));

  path = scratch("rows.safetensors");
  CHECK_OK(llm2clip_write_embeddings(path, strlen(path), rows, ids, 2, &entry, 1,
                                     LLM2CLIP_STORED_FLOAT32));
  CHECK_OK(llm2clip_read_embeddings(path, strlen(path), &again, &names, &provenance));
  CHECK_OK(llm2clip_embeddings_view(again, &read, &row_count, NULL));
  CHECK(row_count == 2 && memcmp(read, values, sizeof values) == 0);
  CHECK_OK(llm2clip_strings_view(names, &name, &name_count));
  CHECK(name_count == 2 && strcmp(name[0].data, "a.jpg") == 0);
  CHECK(name[1].length == strlen("b,c.jpg") && strcmp(name[1].data, "b,c.jpg") == 0);
  CHECK_OK(llm2clip_strings_view(provenance, &words, &word_count));
  CHECK(word_count == 2 && strcmp(words[0].data, "model") == 0);
  CHECK(strcmp(words[1].data, "tiny") == 0);
  CHECK_OK(llm2clip_strings_free(provenance));
  CHECK_OK(llm2clip_strings_free(names));
  CHECK_OK(llm2clip_embeddings_free(again));
  CHECK_OK(llm2clip_read_embeddings(path, strlen(path), &again, NULL, NULL));
  CHECK_OK(llm2clip_embeddings_free(again));
  names = (llm2clip_strings*)&names; /* not left as it was */
  CHECK_REFUSED(llm2clip_read_embeddings(TEXT("rows.csv"), &again, &names, NULL), ".safetensors");
  CHECK(again == NULL && names == NULL);

  path = scratch("rows.npy");
  CHECK_REFUSED(llm2clip_write_embeddings(path, strlen(path), rows, ids, 1, NULL, 0, 0), "1 ids");
  CHECK_REFUSED(llm2clip_write_embeddings(path, strlen(path), rows, ids, 2, NULL, 1, 0),
                "provenance");
  CHECK_REFUSED(llm2clip_write_embeddings(path, strlen(path), rows, ids, 2, NULL, 0, 9),
                "precision");
  CHECK_REFUSED(llm2clip_write_embeddings(TEXT("rows.xls"), rows, ids, 2, NULL, 0, 0), ".npy");
  CHECK_STATUS(
      llm2clip_write_embeddings(TEXT("/no/such/folder/rows.npy"), rows, ids, 2, NULL, 0, 0),
      LLM2CLIP_IO);
  CHECK_OK(llm2clip_embeddings_free(rows));
}

static void lines_are_made_for_streams(void) {
  const float row[2] = {0.5f, 0.1f};
  llm2clip_bytes* json = NULL;
  const char* text = NULL;
  CHECK_OK(llm2clip_embedding_json(TEXT("a"), row, 2, LLM2CLIP_STORED_FLOAT32, &json));
  CHECK_OK(llm2clip_bytes_view(json, &text, NULL));
  CHECK(strcmp(text, "{\"id\":\"a\",\"embedding\":[0.5,0.1]}") == 0);
  CHECK_OK(llm2clip_bytes_free(json));
  CHECK_OK(llm2clip_embedding_json(TEXT("\xff"), row, 1, LLM2CLIP_STORED_FLOAT32, &json));
  CHECK_OK(llm2clip_bytes_view(json, &text, NULL));
  CHECK(strcmp(text, "{\"id_base64\":\"/w==\",\"embedding\":[0.5]}") == 0);
  CHECK_OK(llm2clip_bytes_free(json));
  CHECK_REFUSED(llm2clip_embedding_json(TEXT("a"), NULL, 2, 0, &json), "row");
}

static void npy_files_grow_row_by_row(void) {
  const size_t shape[2] = {1, 2};
  const size_t huge[2] = {SIZE_MAX, 2};
  const size_t axes[8] = {1, 1, 1, 1, 1, 1, 1, 1};
  const float row[2] = {1, 2};
  char text[512];
  llm2clip_npy_writer* writer = NULL;
  const char* path = scratch("pixels.npy");
  CHECK_OK(llm2clip_npy_writer_open(path, strlen(path), shape, 2, &writer));
  CHECK_OK(llm2clip_npy_writer_append(writer, row, 2));
  CHECK_OK(llm2clip_npy_writer_append(writer, row, 2));
  CHECK_REFUSED(llm2clip_npy_writer_append(writer, row, 1), "1 values");
  CHECK(!file_exists(path));
  CHECK_OK(llm2clip_npy_writer_finish(writer));
  CHECK_OK(llm2clip_npy_writer_free(writer));
  CHECK(read_text(path, text, sizeof text) == 256 + 16 && strstr(text + 10, "(2, 1, 2)"));
  CHECK_REFUSED(llm2clip_npy_writer_append(writer, row, 2), "freed before");

  path = scratch("unfinished.npy");
  CHECK_OK(llm2clip_npy_writer_open(path, strlen(path), shape, 2, &writer));
  CHECK_OK(llm2clip_npy_writer_free(writer));
  CHECK(!file_exists(path));
  CHECK_REFUSED(llm2clip_npy_writer_open(path, strlen(path), huge, 2, &writer), "too large");
  CHECK_REFUSED(llm2clip_npy_writer_open(path, strlen(path), axes, 8, &writer), "axes");
}

static void a_finished_npy_file_takes_no_more(void) {
  const size_t shape[1] = {1};
  const float row[1] = {1};
  llm2clip_npy_writer* writer = NULL;
  const char* path = scratch("finished.npy");
  CHECK_OK(llm2clip_npy_writer_open(path, strlen(path), shape, 1, &writer));
  CHECK_OK(llm2clip_npy_writer_finish(writer));
  CHECK_REFUSED(llm2clip_npy_writer_append(writer, row, 1), "finished");
  CHECK_REFUSED(llm2clip_npy_writer_finish(writer), "finished");
  CHECK_OK(llm2clip_npy_writer_free(writer));
  CHECK(file_exists(path));
}

void test_files(void) {
  rows_go_to_files();
  lines_are_made_for_streams();
  npy_files_grow_row_by_row();
  a_finished_npy_file_takes_no_more();
}
