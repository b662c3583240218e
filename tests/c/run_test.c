#include <stdlib.h>

#include "check.h"

static const float row[3][2] = {{1, 0}, {0, 1}, {0.6f, 0.8f}};

static bool is(llm2clip_string string, const char* text) {
  return string.length == strlen(text) && memcmp(string.data, text, string.length) == 0;
}

static llm2clip_run_options run_options(size_t dim) {
  llm2clip_run_options options;
  memset(&options, 0, sizeof options);
  CHECK_OK(llm2clip_run_options_init(&options, sizeof options));
  options.dim = dim;
  return options;
}

static llm2clip_run* open_run(const char* path, const llm2clip_run_options* options) {
  llm2clip_run* run = NULL;
  CHECK_OK(llm2clip_run_open(path, strlen(path), options, &run));
  return run;
}

static bool take(llm2clip_run* run, const char* id, uint64_t* index) {
  bool taken = false;
  CHECK_OK(llm2clip_run_take(run, id, strlen(id), "content", 7, NULL, 0, &taken, index));
  return taken;
}

static llm2clip_totals totals_of(const llm2clip_summary* summary) {
  llm2clip_totals totals;
  memset(&totals, 0, sizeof totals);
  CHECK_OK(llm2clip_summary_view(summary, &totals, sizeof totals));
  return totals;
}

/* The file holds `count` of the rows above, from the first on. */
static void check_rows_from(const char* path, size_t first, size_t count) {
  llm2clip_embeddings* rows = NULL;
  const float* values = NULL;
  size_t found = 0;
  CHECK_OK(llm2clip_read_embeddings(path, strlen(path), &rows, NULL, NULL));
  CHECK_OK(llm2clip_embeddings_view(rows, &values, &found, NULL));
  CHECK(found == count && memcmp(values, row[first], count * sizeof row[0]) == 0);
  CHECK_OK(llm2clip_embeddings_free(rows));
}

static void check_rows(const char* path, size_t count) { check_rows_from(path, 0, count); }

static void the_defaults_are_the_documented_ones(void) {
  llm2clip_run_options options = run_options(0);
  CHECK(options.struct_size == sizeof options && options.existing == LLM2CLIP_EXISTING_REFUSE);
  CHECK(options.precision == LLM2CLIP_STORED_FLOAT32 && options.dim == 0);
  CHECK(options.provenance_count == 0 && options.computing_count == 0);
  CHECK(options.commit_rows == 4096 && options.commit_seconds == 30);
  CHECK(options.shard == 1 && options.shards == 1);
  CHECK_REFUSED(llm2clip_run_options_init(NULL, sizeof options), "NULL");
}

static void rows_failures_and_counts_add_up(void) {
  const llm2clip_run_options options = run_options(2);
  const llm2clip_failure failure = {STRING("read"), STRING("unreadable_input"), STRING("b: gone")};
  char path[300];
  uint64_t index = 9;
  llm2clip_run* run;
  llm2clip_summary* summary = NULL;
  llm2clip_totals totals;
  snprintf(path, sizeof path, "%s", scratch("by_hand.safetensors"));
  run = open_run(path, &options);
  CHECK(take(run, "a", &index) && index == 0);
  CHECK_OK(llm2clip_run_add(run, index, row[0], 2));
  CHECK_OK(llm2clip_run_count(run, TEXT("truncated"), 1));
  CHECK(take(run, "b", &index) && index == 1);
  CHECK_OK(llm2clip_run_fail(run, index, &failure));
  CHECK_OK(llm2clip_run_commit_if_due(run));
  CHECK_OK(llm2clip_run_commit(run));
  CHECK(take(run, "c", &index) && index == 2);
  CHECK_OK(llm2clip_run_add(run, index, row[1], 2));
  CHECK(!file_exists(path));
  CHECK_OK(llm2clip_run_finish(run, &summary));
  totals = totals_of(summary);
  CHECK(totals.inputs == 3 && totals.embedded == 2 && totals.failed == 1 && totals.resumed == 0);
  CHECK(totals.truncated == 1 && totals.counts_count == 1 && totals.counts[0].count == 1);
  CHECK(is(totals.counts[0].name, "truncated") && totals.failure_count == 0);
  CHECK(is(totals.failed_by_code[0].name, "unreadable_input"));
  CHECK_OK(llm2clip_summary_free(summary));
  check_rows(path, 2);
  CHECK(file_exists(scratch("by_hand.safetensors.run.json")));
  CHECK(file_exists(scratch("by_hand.safetensors.errors.jsonl")));
  CHECK(!file_exists(scratch("by_hand.safetensors.run")));
  CHECK_REFUSED(llm2clip_run_finish(run, NULL), "finished");
  CHECK_REFUSED(llm2clip_run_commit(run), "finished");
  CHECK_REFUSED(llm2clip_run_add(run, 2, row[1], 2), "finished");
  CHECK_OK(llm2clip_run_free(run));
  CHECK_REFUSED(llm2clip_run_commit(run), "freed before");
}

static void inputs_come_once_and_in_order(void) {
  const llm2clip_run_options options = run_options(2);
  const llm2clip_failure no_code = {STRING("read"), {NULL, 0}, STRING("gone")};
  uint64_t first = 0, second = 0;
  bool taken = true;
  llm2clip_run* run = open_run(scratch("order.npy"), &options);
  CHECK_REFUSED(llm2clip_run_add(run, 0, row[0], 2), "no taken input");
  CHECK(take(run, "a", &first) && take(run, "b", &second));
  CHECK_REFUSED(llm2clip_run_add(run, second, row[0], 2), "0 is next");
  CHECK_REFUSED(llm2clip_run_add(run, first, row[0], 1), "1 values");
  CHECK_REFUSED(llm2clip_run_add(run, first, NULL, 2), "row");
  CHECK_REFUSED(llm2clip_run_fail(run, first, &no_code), "no code");
  CHECK_REFUSED(llm2clip_run_fail(run, first, NULL), "no code");
  CHECK_OK(llm2clip_run_add(run, first, row[0], 2));
  CHECK_REFUSED(llm2clip_run_add(run, first, row[0], 2), "1 is next");
  CHECK_REFUSED(llm2clip_run_take(run, TEXT("c"), NULL, 0, NULL, 0, NULL, &first), "taken");
  CHECK_REFUSED(llm2clip_run_take(run, TEXT("c"), NULL, 0, NULL, 0, &taken, NULL), "index");
  CHECK_OK(llm2clip_run_free(run));
  CHECK(!file_exists(scratch("order.npy.run"))); /* nothing was committed */
}

static void a_stopped_run_is_resumed(void) {
  const llm2clip_provenance provenance[1] = {{STRING("model"), STRING("tiny")}};
  const llm2clip_provenance computing[1] = {{STRING("optimized"), STRING("none")}};
  llm2clip_run_options options = run_options(2);
  char path[300];
  uint64_t index = 0;
  bool complete = true;
  size_t count = 0;
  const llm2clip_string* strings = NULL;
  llm2clip_strings *recorded = NULL, *notes = NULL;
  llm2clip_summary* summary = NULL;
  llm2clip_run* run;
  snprintf(path, sizeof path, "%s", scratch("resumed.safetensors"));
  options.provenance = provenance;
  options.provenance_count = 1;
  options.computing = computing;
  options.computing_count = 1;
  options.commit_rows = 1;
  run = open_run(path, &options);
  CHECK_STATUS(llm2clip_run_check(path, strlen(path), &options), LLM2CLIP_IO); /* at work */
  CHECK(take(run, "a", &index));
  CHECK_OK(llm2clip_run_add(run, index, row[0], 2));
  CHECK_OK(llm2clip_run_commit_if_due(run));
  CHECK_OK(llm2clip_run_free(run));

  options.existing = LLM2CLIP_EXISTING_RESUME;
  CHECK_OK(llm2clip_run_check(path, strlen(path), &options));
  CHECK_OK(llm2clip_run_recorded(path, strlen(path), &options, &recorded));
  CHECK_OK(llm2clip_strings_view(recorded, &strings, &count));
  CHECK(count == 4 && is(strings[0], "model") && is(strings[1], "tiny"));
  CHECK(is(strings[2], "optimized") && is(strings[3], "none"));
  CHECK_OK(llm2clip_strings_free(recorded));
  run = open_run(path, &options);
  CHECK_OK(llm2clip_run_complete(run, &complete));
  CHECK(!complete);
  CHECK_OK(llm2clip_run_notes(run, &notes));
  CHECK_OK(llm2clip_strings_view(notes, NULL, &count));
  CHECK(count == 0);
  CHECK_OK(llm2clip_strings_free(notes));
  CHECK(!take(run, "a", &index));
  CHECK(take(run, "b", &index) && index == 1);
  CHECK_OK(llm2clip_run_add(run, index, row[1], 2));
  CHECK_OK(llm2clip_run_summary(run, &summary));
  CHECK(totals_of(summary).embedded == 2 && totals_of(summary).resumed == 1);
  CHECK_OK(llm2clip_summary_free(summary));
  CHECK_OK(llm2clip_run_finish(run, NULL));
  CHECK_OK(llm2clip_run_free(run));
  check_rows(path, 2);

  run = open_run(path, &options);
  CHECK_OK(llm2clip_run_complete(run, &complete));
  CHECK(complete);
  CHECK_OK(llm2clip_run_free(run));
  options.existing = LLM2CLIP_EXISTING_REFUSE;
  CHECK_STATUS(llm2clip_run_open(path, strlen(path), &options, &run), LLM2CLIP_IO);
  CHECK(run == NULL);
  options.existing = 3;
  CHECK_REFUSED(llm2clip_run_open(path, strlen(path), &options, &run), "existing");
  options.existing = LLM2CLIP_EXISTING_OVERWRITE;
  options.precision = 9;
  CHECK_REFUSED(llm2clip_run_open(path, strlen(path), &options, &run), "precision");
  CHECK_REFUSED(llm2clip_run_open(path, strlen(path), NULL, &run), "0 components");
}

static void an_input_that_changed_is_noted(void) {
  llm2clip_run_options options = run_options(2);
  char path[300];
  uint64_t index = 0;
  size_t count = 0;
  bool taken = false;
  const llm2clip_string* lines = NULL;
  llm2clip_strings* notes = NULL;
  llm2clip_run* run;
  snprintf(path, sizeof path, "%s", scratch("changed.npy"));
  run = open_run(path, &options);
  CHECK(take(run, "a", &index));
  CHECK_OK(llm2clip_run_add(run, index, row[0], 2));
  CHECK_OK(llm2clip_run_commit(run));
  CHECK_OK(llm2clip_run_free(run));
  options.existing = LLM2CLIP_EXISTING_RESUME;
  run = open_run(path, &options);
  CHECK_OK(llm2clip_run_take(run, TEXT("a"), TEXT("other"), TEXT("now"), &taken, &index));
  CHECK(taken && index == 0);
  CHECK_OK(llm2clip_run_add(run, index, row[1], 2));
  CHECK_OK(llm2clip_run_notes(run, &notes));
  CHECK_OK(llm2clip_strings_view(notes, &lines, &count));
  CHECK(count == 1 && strlen(lines[0].data) == lines[0].length);
  CHECK_OK(llm2clip_strings_free(notes));
  CHECK_OK(llm2clip_run_finish(run, NULL));
  CHECK_OK(llm2clip_run_free(run));
}

/* Two finished runs over three inputs; `folders` has room for the names that `given` points to. */
static void make_shards(const char* path, char folders[2][400], llm2clip_string given[2]) {
  llm2clip_run_options options = run_options(2);
  uint32_t shard;
  options.shards = 2;
  for (shard = 1; shard <= 2; ++shard) {
    llm2clip_bytes* folder = NULL;
    const char* name = NULL;
    uint64_t index = 0;
    size_t i;
    llm2clip_run* run;
    options.shard = shard;
    run = open_run(path, &options);
    for (i = 0; i < 3; ++i) {
      const char id[2] = {(char)('a' + i), '\0'};
      CHECK(take(run, id, &index) == (i % 2 == shard - 1));
      if (i % 2 == shard - 1) CHECK_OK(llm2clip_run_add(run, index, row[i], 2));
    }
    CHECK_OK(llm2clip_run_folder(run, &folder));
    CHECK_OK(llm2clip_bytes_view(folder, &name, NULL));
    snprintf(folders[shard - 1], sizeof folders[0], "%s", name);
    given[shard - 1].data = folders[shard - 1];
    given[shard - 1].length = strlen(name);
    CHECK_OK(llm2clip_bytes_free(folder));
    CHECK_OK(llm2clip_run_finish(run, NULL));
    CHECK_OK(llm2clip_run_free(run));
  }
}

static void shards_are_joined(void) {
  char path[300], folders[2][400];
  llm2clip_string given[2];
  llm2clip_summary* summary = NULL;
  snprintf(path, sizeof path, "%s", scratch("joined.safetensors"));
  make_shards(path, folders, given);
  CHECK_STATUS(llm2clip_merge_runs(path, strlen(path), given, 1, false, &summary), LLM2CLIP_IO);
  CHECK(summary == NULL);
  CHECK_OK(llm2clip_merge_runs(path, strlen(path), given, 2, false, &summary));
  CHECK(totals_of(summary).embedded == 3 && totals_of(summary).inputs == 3);
  CHECK(totals_of(summary).warning.length == 0);
  CHECK_OK(llm2clip_summary_free(summary));
  check_rows(path, 3);
  CHECK(!file_exists(folders[0]));
}

static void a_file_is_made_of_each_shard(void) {
  char path[300], folders[2][400], file[300];
  llm2clip_string given[2];
  llm2clip_summary* summary = NULL;
  snprintf(path, sizeof path, "%s", scratch("apart.safetensors"));
  make_shards(path, folders, given);
  CHECK_STATUS(llm2clip_merge_runs_to_chunks(path, strlen(path), given, 1, false, &summary),
               LLM2CLIP_IO);
  CHECK_OK(llm2clip_merge_runs_to_chunks(path, strlen(path), given, 2, false, &summary));
  CHECK(totals_of(summary).embedded == 3 && totals_of(summary).inputs == 3);
  CHECK_OK(llm2clip_summary_free(summary));
  CHECK(!file_exists(path) && !file_exists(folders[0]));
  snprintf(file, sizeof file, "%s", scratch("apart-00002-of-00002.safetensors"));
  check_rows_from(file, 1, 1);
}

static void a_run_says_where_it_writes(void) {
  const llm2clip_run_options options = run_options(2);
  llm2clip_strings* files = NULL;
  const llm2clip_string* names = NULL;
  llm2clip_bytes* warning = NULL;
  size_t count = 0;
  llm2clip_run* run = open_run(scratch("where.npy"), &options);
  CHECK_OK(llm2clip_run_warning(run, &warning));
  CHECK_OK(llm2clip_bytes_free(warning));
  CHECK_OK(llm2clip_run_free(run));
  CHECK_OK(llm2clip_run_files(TEXT("rows.npy"), 1, 1, &files));
  CHECK_OK(llm2clip_strings_view(files, &names, &count));
  CHECK(count > 2 && strstr(names[0].data, "rows.npy.run"));
  CHECK_OK(llm2clip_strings_free(files));
  CHECK_REFUSED(llm2clip_strings_view(files, &names, &count), "freed before");
  CHECK_REFUSED(llm2clip_run_open(TEXT("rows.xls"), &options, &run), ".npy");
  CHECK_STATUS(llm2clip_run_check(TEXT("/no/such/folder/rows.npy"), &options), LLM2CLIP_IO);
  CHECK_REFUSED(llm2clip_run_complete(NULL, NULL), "run");
  CHECK_REFUSED(llm2clip_summary_view(NULL, NULL, 0), "summary");
  CHECK_OK(llm2clip_run_free(NULL));
  CHECK_OK(llm2clip_strings_free(NULL));
  CHECK_OK(llm2clip_summary_free(NULL));
}

struct stopping {
  int asked, stop_at;
};

static bool stop_later(const llm2clip_outcome* outcome, void* user_data) {
  struct stopping* stopping = user_data;
  (void)outcome;
  return ++stopping->asked < stopping->stop_at;
}

static void embedding_goes_into_a_run_and_on_after_a_stop(void) {
  const llm2clip_string paths[4] = {
      STRING("tests/data/unseen/image_000.png"), STRING("no such image.png"),
      STRING("tests/data/unseen/image_001.jpg"), STRING("nor this one.png")};
  const llm2clip_image_source source = {.paths = paths, .path_count = 4};
  llm2clip_model* model = load(tiny_directory());
  llm2clip_run_options options = run_options(96);
  struct stopping stopping = {0, 2};
  llm2clip_embed_options embed_options;
  llm2clip_embed_sink sink = {.run = NULL};
  llm2clip_summary* summary = NULL;
  char path[300];
  CHECK_OK(llm2clip_embed_options_init(&embed_options, sizeof embed_options));
  embed_options.batch_size = 1;
  embed_options.failed = stop_later;
  embed_options.user_data = &stopping;
  snprintf(path, sizeof path, "%s", scratch("embedded.npy"));
  sink.run = open_run(path, &options);
  CHECK_CANCELLED(llm2clip_embed_images(model, &source, &sink, &embed_options, &summary));
  CHECK_OK(llm2clip_run_free(sink.run)); /* three inputs were committed */

  options.existing = LLM2CLIP_EXISTING_RESUME;
  sink.run = open_run(path, &options);
  CHECK_OK(llm2clip_embed_images(model, &source, &sink, NULL, &summary));
  CHECK(totals_of(summary).passed_over == 3 && totals_of(summary).inputs == 1);
  CHECK(totals_of(summary).failed == 1 && totals_of(summary).failure_count == 0);
  CHECK_OK(llm2clip_summary_free(summary));
  CHECK_OK(llm2clip_run_finish(sink.run, &summary));
  CHECK(totals_of(summary).embedded == 2 && totals_of(summary).failed == 2);
  CHECK(totals_of(summary).resumed == 3);
  CHECK_OK(llm2clip_summary_free(summary));
  CHECK_REFUSED(llm2clip_embed_images(model, &source, &sink, NULL, NULL), "finished");
  CHECK_OK(llm2clip_run_free(sink.run));
  CHECK(file_exists(path));
  CHECK_REFUSED(llm2clip_embed_images(model, &source, &sink, NULL, NULL), "freed before");
  CHECK_OK(llm2clip_model_free(model));
}

void test_runs(void) {
  the_defaults_are_the_documented_ones();
  rows_failures_and_counts_add_up();
  inputs_come_once_and_in_order();
  a_stopped_run_is_resumed();
  an_input_that_changed_is_noted();
  shards_are_joined();
  a_file_is_made_of_each_shard();
  a_run_says_where_it_writes();
  embedding_goes_into_a_run_and_on_after_a_stop();
}
