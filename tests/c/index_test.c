#include <stdlib.h>

#include "check.h"

static const float row[3][2] = {{1, 0}, {0, 1}, {0.6f, 0.8f}};

static llm2clip_index_writer* open_writer(const char* name, size_t dim) {
  llm2clip_index_options options;
  llm2clip_index_writer* writer = NULL;
  memset(&options, 0, sizeof options);
  CHECK_OK(llm2clip_index_options_init(&options, sizeof options));
  CHECK(options.commit_rows == 4096 && options.commit_seconds == 30 && options.dim == 0);
  options.dim = dim;
  CHECK_OK(llm2clip_index_writer_open(scratch(name), strlen(scratch(name)), &options, &writer));
  return writer;
}

static llm2clip_index* open_index(const char* name) {
  llm2clip_index* index = NULL;
  CHECK_OK(llm2clip_index_open(scratch(name), strlen(scratch(name)), &index));
  return index;
}

static bool is(llm2clip_string string, const char* text) {
  return string.length == strlen(text) && memcmp(string.data, text, string.length) == 0;
}

static void rows_are_found(void) {
  llm2clip_index_writer* writer = open_writer("a.index", 2);
  llm2clip_index* index;
  llm2clip_embeddings* queries = NULL;
  llm2clip_search_options options;
  llm2clip_hits* hits = NULL;
  const llm2clip_index_hit* items = NULL;
  llm2clip_bytes* id = NULL;
  size_t lists = 0, count = 0, dim = 0;
  uint64_t rows = 0, limit = 0, found_row = 9;
  bool found = false;
  float values[2];
  CHECK_OK(llm2clip_index_writer_add(writer, TEXT("a"), row[0], 2));
  CHECK_OK(llm2clip_index_writer_add(writer, TEXT("b"), row[1], 2));
  CHECK_OK(llm2clip_index_writer_add(writer, TEXT("c"), row[2], 2));
  CHECK_REFUSED(llm2clip_index_writer_add(writer, TEXT("d"), row[2], 1), "has 1 components");
  CHECK_OK(llm2clip_index_writer_commit(writer));
  index = open_index("a.index");
  CHECK_OK(llm2clip_index_view(index, &rows, &dim, &limit));
  CHECK(rows == 3 && dim == 2 && limit == 3);
  CHECK_OK(llm2clip_embeddings_from_values(row[2], 2, 1, 2, &queries));
  CHECK_OK(llm2clip_search_options_init(&options, sizeof options));
  options.top_k = 2;
  CHECK_OK(llm2clip_index_search(index, queries, &options, &hits));
  CHECK_OK(llm2clip_hits_view(hits, &lists));
  CHECK_OK(llm2clip_hits_list(hits, 0, &items, &count));
  CHECK(lists == 1 && count == 2);
  CHECK(is(items[0].id, "c") && items[0].row == 2 && is(items[1].id, "b"));
  CHECK(items[0].score > 0.999f && items[1].score > 0.79f && items[1].score < 0.81f);
  CHECK_REFUSED(llm2clip_hits_list(hits, 1, &items, &count), "is 1, there are 1");
  CHECK_OK(llm2clip_index_row(index, 0, values, 2));
  CHECK(values[0] == 1 && values[1] == 0);
  CHECK_OK(llm2clip_index_find(index, TEXT("b"), &found, &found_row));
  CHECK(found && found_row == 1);
  CHECK_OK(llm2clip_index_id(index, 1, &id));
  CHECK(id != NULL);
  CHECK_OK(llm2clip_index_verify(index));
  CHECK_OK(llm2clip_bytes_free(id));
  CHECK_OK(llm2clip_hits_free(hits));
  CHECK_OK(llm2clip_embeddings_free(queries));
  CHECK_OK(llm2clip_index_free(index));
  CHECK_OK(llm2clip_index_writer_free(writer));
}

static bool begins_with_x(const char* id, size_t length, void* user_data) {
  return length > 0 && id[0] == *(const char*)user_data;
}

static void what_is_listed_changed_and_gone_adds_up(void) {
  llm2clip_index_writer* writer = open_writer("b.index", 2);
  llm2clip_index_summary summary;
  llm2clip_index* index;
  llm2clip_bytes* id = NULL;
  llm2clip_hits* groups = NULL;
  llm2clip_strings* provenance = NULL;
  uint64_t at = 9, removed = 9;
  size_t lists = 9, dim = 0;
  bool taken = false;
  CHECK_OK(llm2clip_index_writer_add(writer, TEXT("x1"), row[0], 2));
  CHECK_OK(llm2clip_index_writer_add(writer, TEXT("y1"), row[0], 2));
  CHECK_OK(llm2clip_index_writer_commit(writer));
  CHECK_OK(llm2clip_index_writer_dim(writer, &dim));
  CHECK_OK(llm2clip_index_writer_free(writer));
  writer = open_writer("b.index", 2);
  CHECK_OK(llm2clip_index_writer_take(writer, TEXT("z"), TEXT("10"), NULL, 0, &taken, &at));
  CHECK(dim == 2 && taken && at == 0);
  CHECK_OK(llm2clip_index_writer_add_taken(writer, at, row[1], 2));
  CHECK_REFUSED(llm2clip_index_writer_add_taken(writer, at, row[1], 2), "was not taken");
  CHECK_OK(llm2clip_index_writer_take(writer, TEXT("z"), TEXT("10"), NULL, 0, &taken, &at));
  CHECK(!taken);
  CHECK_OK(llm2clip_index_writer_take(writer, TEXT("y1"), TEXT("1"), NULL, 0, &taken, &at));
  CHECK(taken && at == 1);
  CHECK_OK(llm2clip_index_writer_fail(writer, at));
  CHECK_OK(llm2clip_index_writer_remove_unlisted(writer, begins_with_x, "x", &removed));
  CHECK(removed == 1);
  CHECK_OK(llm2clip_index_writer_remove(writer, TEXT("none"), &taken));
  CHECK(!taken);
  CHECK_OK(llm2clip_index_writer_commit_if_due(writer));
  CHECK_OK(llm2clip_index_writer_summary(writer, &summary, sizeof summary));
  CHECK(summary.rows == 1 && summary.added == 1 && summary.removed == 2 && summary.unchanged == 1);
  CHECK_OK(llm2clip_index_writer_commit(writer));
  CHECK_OK(llm2clip_index_writer_compact(writer));
  index = open_index("b.index");
  CHECK_OK(llm2clip_index_id(index, 0, &id));
  CHECK_OK(llm2clip_index_duplicates(index, 0.9f, NULL, NULL, NULL, &groups));
  CHECK_OK(llm2clip_hits_view(groups, &lists));
  CHECK(lists == 0);
  CHECK_OK(llm2clip_index_provenance(index, &provenance));
  CHECK_OK(llm2clip_strings_free(provenance));
  CHECK_OK(llm2clip_hits_free(groups));
  CHECK_OK(llm2clip_bytes_free(id));
  CHECK_OK(llm2clip_index_writer_warning(writer, &id));
  CHECK_OK(llm2clip_bytes_free(id));
  CHECK_OK(llm2clip_index_free(index));
  CHECK_OK(llm2clip_index_writer_free(writer));
}

static void a_writer_is_a_sink(void) {
  llm2clip_model* model = load(DEMO);
  llm2clip_index_writer* writer = open_writer("c.index", 128);
  const llm2clip_string paths[] = {STRING("tests/data/unseen/image_000.png"),
                                   STRING("tests/data/unseen/image_001.jpg")};
  const llm2clip_image_source source = {.paths = paths, .path_count = 2};
  const llm2clip_embed_sink sink = {.index = writer};
  llm2clip_index* index;
  uint64_t rows = 0;
  CHECK_OK(llm2clip_embed_images(model, &source, &sink, NULL, NULL));
  index = open_index("c.index");
  CHECK_OK(llm2clip_index_view(index, &rows, NULL, NULL));
  CHECK(rows == 2);
  CHECK_OK(llm2clip_index_check_fits(index, model));
  CHECK_OK(llm2clip_index_free(index));
  CHECK_OK(llm2clip_index_writer_free(writer));
  CHECK_OK(llm2clip_model_free(model));
}

static bool end_at_once(size_t done, void* user_data) {
  (void)done;
  return *(bool*)user_data;
}

static void rows_are_linked(void) {
  enum { kRows = 5000, kDim = 4 };
  llm2clip_index_options options;
  llm2clip_index_writer* writer = NULL;
  llm2clip_index_graph graph;
  llm2clip_index* index;
  llm2clip_search_options search;
  float values[kDim];
  bool go_on = false;
  memset(&options, 0, sizeof options);
  CHECK_OK(llm2clip_index_options_init(&options, sizeof options));
  CHECK(options.kind == LLM2CLIP_INDEX_AS_IS);
  options.kind = 7;
  options.dim = kDim;
  CHECK_REFUSED(
      llm2clip_index_writer_open(scratch("d.index"), strlen(scratch("d.index")), &options, &writer),
      "no kind has the number 7");
  options.kind = LLM2CLIP_INDEX_HNSW;
  CHECK_OK(llm2clip_index_writer_open(scratch("d.index"), strlen(scratch("d.index")), &options,
                                      &writer));
  for (int i = 0; i < kRows; ++i) {
    for (int k = 0; k < kDim; ++k) values[k] = (float)(i * (k + 3) % 101) + 1;
    CHECK_OK(llm2clip_index_writer_add(writer, (const char*)&i, sizeof i, values, kDim));
  }
  CHECK_STATUS(llm2clip_index_writer_update_graph(writer, end_at_once, &go_on), LLM2CLIP_CANCELLED);
  index = open_index("d.index");
  CHECK_OK(llm2clip_index_get_graph(index, &graph, sizeof graph));
  CHECK(graph.kind == LLM2CLIP_INDEX_HNSW && graph.rows == 0);
  CHECK_OK(llm2clip_index_free(index));
  CHECK_OK(llm2clip_index_writer_update_graph(writer, NULL, NULL));
  index = open_index("d.index");
  CHECK_OK(llm2clip_index_get_graph(index, &graph, sizeof graph));
  CHECK(graph.rows == kRows && graph.sampled == 128 && graph.recall > 0.5 && graph.expansion > 0);
  CHECK_OK(llm2clip_search_options_init(&search, sizeof search));
  CHECK(!search.exact);
  CHECK_OK(llm2clip_index_free(index));
  CHECK_OK(llm2clip_index_writer_free(writer));
}

static bool is_known(llm2clip_index_writer* writer, const char* stamp) {
  bool known = true;
  CHECK_OK(llm2clip_index_writer_take_container(writer, TEXT("a.tar"), NULL, 0, stamp,
                                                strlen(stamp), &known));
  return known;
}

static void a_container_that_is_whole_is_known(void) {
  llm2clip_index_writer* writer = open_writer("tar.index", 2);
  uint64_t input = 0;
  bool taken = false;
  CHECK(!is_known(writer, "1"));
  CHECK_OK(llm2clip_index_writer_take(writer, TEXT("a.tar/b"), NULL, 0, TEXT("1"), &taken, &input));
  CHECK(taken);
  CHECK_OK(llm2clip_index_writer_add_taken(writer, input, row[0], 2));
  CHECK_OK(llm2clip_index_writer_end_container(writer, TEXT("a.tar"), NULL, 0, TEXT("1"), 1));
  CHECK_OK(llm2clip_index_writer_commit(writer));
  CHECK_OK(llm2clip_index_writer_free(writer));
  writer = open_writer("tar.index", 2);
  CHECK(is_known(writer, "1"));
  CHECK(!is_known(writer, "2"));
  CHECK_OK(llm2clip_index_writer_free(writer));
}

static void thumbnails_are_of_the_side_that_was_asked_for(void) {
  llm2clip_index_options options;
  llm2clip_index_writer* writer = NULL;
  llm2clip_index* index = NULL;
  llm2clip_bytes* jpeg = NULL;
  int32_t side = 0;
  CHECK_OK(llm2clip_index_options_init(&options, sizeof options));
  options.dim = 2;
  options.thumbnail_side = 128;
  CHECK_OK(llm2clip_index_writer_open(scratch("small.index"), strlen(scratch("small.index")),
                                      &options, &writer));
  CHECK_OK(llm2clip_index_writer_thumbnail_side(writer, &side));
  CHECK(side == 128);
  CHECK_OK(llm2clip_index_writer_add(writer, TEXT("a"), row[0], 2));
  CHECK_OK(llm2clip_index_writer_commit(writer));
  CHECK_OK(llm2clip_index_writer_free(writer));
  index = open_index("small.index");
  CHECK_OK(llm2clip_index_thumbnail(index, 0, &jpeg));
  CHECK(jpeg == NULL); /* the row is a program's own */
  CHECK_REFUSED(llm2clip_index_thumbnail(index, 1, &jpeg), "1");
  CHECK_OK(llm2clip_index_free(index));
}

static void what_is_no_index_is_refused(void) {
  llm2clip_index* index = NULL;
  CHECK_STATUS(llm2clip_index_open(scratch("none"), strlen(scratch("none")), &index),
               LLM2CLIP_UNREADABLE_INPUT);
  CHECK(index == NULL);
}

void test_indexes(void) {
  rows_are_found();
  what_is_listed_changed_and_gone_adds_up();
  a_writer_is_a_sink();
  rows_are_linked();
  a_container_that_is_whole_is_known();
  thumbnails_are_of_the_side_that_was_asked_for();
  what_is_no_index_is_refused();
}
