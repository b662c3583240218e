#include "c/index.h"

#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "c/arguments.h"
#include "c/handles.h"
#include "c/options.h"
#include "c/run.h"
#include "c/strings.h"

namespace llm2clip::c {

Hits::Hits(std::vector<std::vector<IndexHit>> lists) : lists_(std::move(lists)) {
  for (const std::vector<IndexHit>& list : lists_) {
    std::vector<llm2clip_index_hit>& views = views_.emplace_back();
    for (const IndexHit& hit : list) views.push_back({hit.row, hit.score, borrowed(hit.id)});
  }
}

RunInput OpenIndexWriter::input(std::uint64_t index) {
  const std::scoped_lock lock(mutex_);
  const auto found = taken_.find(index);
  if (found == taken_.end()) {
    refuse("index", "is " + std::to_string(index) + ", which was not taken, or is done");
  }
  return found->second;
}

void OpenIndexWriter::keep(const RunInput& input) {
  const std::scoped_lock lock(mutex_);
  taken_.emplace(input.index, input);
}

void OpenIndexWriter::done(std::uint64_t index) {
  const std::scoped_lock lock(mutex_);
  taken_.erase(index);
}

namespace {

llm2clip_index_options default_index_options() {
  const IndexOptions defaults;
  return {.struct_size = sizeof(llm2clip_index_options),
          .dim = defaults.dim,
          .provenance = nullptr,
          .provenance_count = 0,
          .commit_rows = defaults.commit_rows,
          .commit_seconds = static_cast<std::uint64_t>(defaults.commit_interval.count()),
          .kind = LLM2CLIP_INDEX_AS_IS,
          .scan = LLM2CLIP_SCAN_AS_IS,
          .thumbnail_side = defaults.thumbnail_side};
}

std::optional<IndexKind> kind_of(llm2clip_index_kind kind) {
  switch (kind) {
    case LLM2CLIP_INDEX_AS_IS:
      return std::nullopt;
    case LLM2CLIP_INDEX_EXACT:
      return IndexKind::exact;
    case LLM2CLIP_INDEX_HNSW:
      return IndexKind::hnsw;
    default:
      refuse("kind", "no kind has the number " + std::to_string(kind));
  }
}

std::optional<IndexScan> scan_of(llm2clip_index_scan scan) {
  switch (scan) {
    case LLM2CLIP_SCAN_AS_IS:
      return std::nullopt;
    case LLM2CLIP_SCAN_FLOAT16:
      return IndexScan::float16;
    case LLM2CLIP_SCAN_INT8:
      return IndexScan::int8;
    default:
      refuse("scan", "no scan has the number " + std::to_string(scan));
  }
}

IndexOptions index_options_of(const llm2clip_index_options* given) {
  const auto options = read_struct(given, default_index_options(), "options");
  return {.dim = options.dim,
          .provenance = provenance_of(options.provenance, options.provenance_count, "provenance"),
          .kind = kind_of(options.kind),
          .scan = scan_of(options.scan),
          .thumbnail_side = options.thumbnail_side,
          .commit_rows = options.commit_rows,
          .commit_interval = seconds_of(options.commit_seconds)};
}

llm2clip_search_options default_search_options() {
  const SearchOptions defaults;
  return {.struct_size = sizeof(llm2clip_search_options),
          .top_k = defaults.top_k,
          .min_score = -INFINITY,
          .filter = {"", 0},
          .threads = defaults.threads,
          .exact = defaults.exact};
}

SearchOptions search_options_of(const llm2clip_search_options* given) {
  const auto options = read_struct(given, default_search_options(), "options");
  SearchOptions search{.top_k = options.top_k,
                       .min_score = {},
                       .filter = std::string(text_of(options.filter, "filter")),
                       .threads = options.threads,
                       .exact = options.exact};
  if (options.min_score != -INFINITY) search.min_score = options.min_score;
  return search;
}

}  // namespace
}  // namespace llm2clip::c

using namespace llm2clip;
using namespace llm2clip::c;

llm2clip_status llm2clip_index_options_init(llm2clip_index_options* options, size_t struct_size) {
  return guarded([&] { write_struct(options, struct_size, default_index_options(), "options"); });
}

llm2clip_status llm2clip_search_options_init(llm2clip_search_options* options, size_t struct_size) {
  return guarded([&] { write_struct(options, struct_size, default_search_options(), "options"); });
}

// ---- reading

llm2clip_status llm2clip_index_open(const char* path, size_t path_length, llm2clip_index** index) {
  return give(index, [&] { return Index::open(path_of(path, path_length, "path")); });
}

llm2clip_status llm2clip_index_view(const llm2clip_index* index, uint64_t* rows, size_t* dim,
                                    uint64_t* row_limit) {
  return guarded([&] {
    const auto object = object_of(index, "index");
    if (rows) *rows = object->rows();
    if (dim) *dim = object->dim();
    if (row_limit) *row_limit = object->row_limit();
  });
}

llm2clip_status llm2clip_index_provenance(const llm2clip_index* index,
                                          llm2clip_strings** provenance) {
  return give(provenance, [&] {
    return std::make_shared<const Strings>(in_turn(object_of(index, "index")->provenance()));
  });
}

llm2clip_status llm2clip_index_get_graph(const llm2clip_index* index, llm2clip_index_graph* graph,
                                         size_t struct_size) {
  return guarded([&] {
    const auto object = object_of(index, "index");
    const IndexGraphInfo info = object->graph().value_or(IndexGraphInfo());
    const bool exact = object->kind() == IndexKind::exact;
    const bool halves = object->scan() == IndexScan::float16;
    const llm2clip_index_graph result = {
        .struct_size = sizeof(llm2clip_index_graph),
        .kind = exact ? LLM2CLIP_INDEX_EXACT : LLM2CLIP_INDEX_HNSW,
        .scan = halves ? LLM2CLIP_SCAN_FLOAT16 : LLM2CLIP_SCAN_INT8,
        .rows = info.rows,
        .expansion = info.expansion,
        .recall = info.recall,
        .sampled = info.sampled};
    write_struct(graph, struct_size, result, "graph");
  });
}

llm2clip_status llm2clip_index_search(const llm2clip_index* index,
                                      const llm2clip_embeddings* queries,
                                      const llm2clip_search_options* options,
                                      llm2clip_hits** hits) {
  return give(hits, [&] {
    const auto object = object_of(index, "index");
    return std::make_shared<const Hits>(
        object->search(*object_of(queries, "queries"), search_options_of(options)));
  });
}

llm2clip_status llm2clip_index_duplicates(const llm2clip_index* index, float min_score,
                                          const llm2clip_search_options* options,
                                          llm2clip_progress_callback progress, void* user_data,
                                          llm2clip_hits** groups) {
  return give(groups, [&] {
    std::function<bool(std::uint64_t)> hear;
    if (progress) hear = [&](std::uint64_t done) { return progress(done, user_data); };
    std::vector<std::vector<IndexHit>> lists;
    for (DuplicateGroup& group :
         object_of(index, "index")->duplicates(min_score, search_options_of(options), hear)) {
      lists.push_back(std::move(group.members));
    }
    return std::make_shared<const Hits>(std::move(lists));
  });
}

llm2clip_status llm2clip_index_id(const llm2clip_index* index, uint64_t row, llm2clip_bytes** id) {
  if (id) *id = nullptr;
  return guarded([&] {
    if (!id) refuse("id", "NULL where the address of a handle is expected");
    const std::optional<std::string> found = object_of(index, "index")->id(row);
    if (found) *id = share<llm2clip_bytes>(std::make_shared<const std::string>(*found));
  });
}

llm2clip_status llm2clip_index_row(const llm2clip_index* index, uint64_t row, float* values,
                                   size_t value_count) {
  return guarded([&] {
    const std::span<float> out = array_of(values, value_count, "values");
    const std::vector<float> found = object_of(index, "index")->row(row);
    if (out.size() != found.size()) {
      refuse("values", "has room for " + std::to_string(out.size()) + " values, " +
                           std::to_string(found.size()) + " are expected");
    }
    std::copy(found.begin(), found.end(), out.begin());
  });
}

llm2clip_status llm2clip_index_thumbnail(const llm2clip_index* index, uint64_t row,
                                         llm2clip_bytes** jpeg) {
  if (jpeg) *jpeg = nullptr;
  return guarded([&] {
    if (!jpeg) refuse("jpeg", "NULL where the address of a handle is expected");
    const std::optional<Thumbnail> kept = object_of(index, "index")->thumbnail(row);
    if (!kept) return;
    *jpeg = share<llm2clip_bytes>(
        std::make_shared<const std::string>(kept->jpeg.begin(), kept->jpeg.end()));
  });
}

llm2clip_status llm2clip_index_find(const llm2clip_index* index, const char* id, size_t id_length,
                                    bool* found, uint64_t* row) {
  return guarded([&] {
    put(found, false, "found");
    const auto at = object_of(index, "index")->find(text_of(id, id_length, "id"));
    if (!at) return;
    if (row) *row = *at;
    *found = true;
  });
}

llm2clip_status llm2clip_index_check_fits(const llm2clip_index* index,
                                          const llm2clip_model* model) {
  return guarded([&] { object_of(index, "index")->check_fits(object_of(model, "model")->info()); });
}

llm2clip_status llm2clip_index_verify(const llm2clip_index* index) {
  return guarded([&] { object_of(index, "index")->verify(); });
}

llm2clip_status llm2clip_index_free(llm2clip_index* index) { return free_handle(index); }

llm2clip_status llm2clip_hits_view(const llm2clip_hits* hits, size_t* list_count) {
  return guarded([&] { put(list_count, object_of(hits, "hits")->lists().size(), "list_count"); });
}

llm2clip_status llm2clip_hits_list(const llm2clip_hits* hits, size_t list,
                                   const llm2clip_index_hit** items, size_t* count) {
  return guarded([&] {
    const auto& lists = object_of(hits, "hits")->lists();
    if (list >= lists.size()) {
      refuse("list", "is " + std::to_string(list) + ", there are " + std::to_string(lists.size()));
    }
    if (items) *items = lists[list].data();
    if (count) *count = lists[list].size();
  });
}

llm2clip_status llm2clip_hits_free(llm2clip_hits* hits) { return free_handle(hits); }

// ---- writing

llm2clip_status llm2clip_index_writer_open(const char* path, size_t path_length,
                                           const llm2clip_index_options* options,
                                           llm2clip_index_writer** writer) {
  return give(writer, [&] {
    return std::make_shared<OpenIndexWriter>(path_of(path, path_length, "path"),
                                             index_options_of(options));
  });
}

llm2clip_status llm2clip_index_writer_take(llm2clip_index_writer* writer, const char* id,
                                           size_t id_length, const char* content,
                                           size_t content_length, const char* stamp,
                                           size_t stamp_length, bool* taken, uint64_t* index) {
  return guarded([&] {
    const auto object = object_of(writer, "writer");
    if (!index) refuse("index", "NULL where the address of a result is expected");
    put(taken, false, "taken");
    const auto input = object->writer.take(text_of(id, id_length, "id"),
                                           text_of(content, content_length, "content"),
                                           text_of(stamp, stamp_length, "stamp"));
    if (!input) return;
    object->keep(*input);
    *taken = true;
    *index = input->index;
  });
}

llm2clip_status llm2clip_index_writer_take_container(llm2clip_index_writer* writer,
                                                     const char* name, size_t name_length,
                                                     const char* content, size_t content_length,
                                                     const char* stamp, size_t stamp_length,
                                                     bool* known) {
  return guarded([&] {
    put(known, false, "known");
    *known = object_of(writer, "writer")
                 ->writer.take_container(text_of(name, name_length, "name"),
                                         text_of(content, content_length, "content"),
                                         text_of(stamp, stamp_length, "stamp"));
  });
}

llm2clip_status llm2clip_index_writer_end_container(llm2clip_index_writer* writer, const char* name,
                                                    size_t name_length, const char* content,
                                                    size_t content_length, const char* stamp,
                                                    size_t stamp_length, uint64_t inputs) {
  return guarded([&] {
    object_of(writer, "writer")
        ->writer.end_container(text_of(name, name_length, "name"),
                               text_of(content, content_length, "content"),
                               text_of(stamp, stamp_length, "stamp"), inputs);
  });
}

llm2clip_status llm2clip_index_writer_add_taken(llm2clip_index_writer* writer, uint64_t index,
                                                const float* row, size_t dim) {
  return guarded([&] {
    const auto object = object_of(writer, "writer");
    object->writer.add(object->input(index), array_of(row, dim, "row"));
    object->done(index);
  });
}

llm2clip_status llm2clip_index_writer_fail(llm2clip_index_writer* writer, uint64_t index) {
  return guarded([&] {
    const auto object = object_of(writer, "writer");
    object->writer.fail(object->input(index));
    object->done(index);
  });
}

llm2clip_status llm2clip_index_writer_add(llm2clip_index_writer* writer, const char* id,
                                          size_t id_length, const float* row, size_t dim) {
  return guarded([&] {
    object_of(writer, "writer")
        ->writer.add(text_of(id, id_length, "id"), array_of(row, dim, "row"));
  });
}

llm2clip_status llm2clip_index_writer_remove(llm2clip_index_writer* writer, const char* id,
                                             size_t id_length, bool* removed) {
  return guarded([&] {
    const bool was_there = object_of(writer, "writer")->writer.remove(text_of(id, id_length, "id"));
    if (removed) *removed = was_there;
  });
}

llm2clip_status llm2clip_index_writer_remove_unlisted(llm2clip_index_writer* writer,
                                                      llm2clip_among_callback among,
                                                      void* user_data, uint64_t* removed) {
  return guarded([&] {
    const std::uint64_t count =
        object_of(writer, "writer")->writer.remove_unlisted([&](std::string_view id) {
          return !among || among(id.data(), id.size(), user_data);
        });
    if (removed) *removed = count;
  });
}

llm2clip_status llm2clip_index_writer_commit_if_due(llm2clip_index_writer* writer) {
  return guarded([&] { object_of(writer, "writer")->writer.commit_if_due(); });
}

llm2clip_status llm2clip_index_writer_commit(llm2clip_index_writer* writer) {
  return guarded([&] { object_of(writer, "writer")->writer.commit(); });
}

llm2clip_status llm2clip_index_writer_compact(llm2clip_index_writer* writer) {
  return guarded([&] { object_of(writer, "writer")->writer.compact(); });
}

llm2clip_status llm2clip_index_writer_update_graph(llm2clip_index_writer* writer,
                                                   llm2clip_progress_callback progress,
                                                   void* user_data) {
  return guarded([&] {
    std::function<bool(std::uint64_t, std::uint64_t)> hear;
    if (progress)
      hear = [&](std::uint64_t done, std::uint64_t) { return progress(done, user_data); };
    object_of(writer, "writer")->writer.update_graph(hear);
  });
}

llm2clip_status llm2clip_index_writer_dim(const llm2clip_index_writer* writer, size_t* dim) {
  return guarded([&] { put(dim, object_of(writer, "writer")->writer.dim(), "dim"); });
}

llm2clip_status llm2clip_index_writer_thumbnail_side(const llm2clip_index_writer* writer,
                                                     int32_t* side) {
  return guarded([&] { put(side, object_of(writer, "writer")->writer.thumbnail_side(), "side"); });
}

llm2clip_status llm2clip_index_writer_summary(const llm2clip_index_writer* writer,
                                              llm2clip_index_summary* summary, size_t struct_size) {
  return guarded([&] {
    const IndexSummary done = object_of(writer, "writer")->writer.summary();
    write_struct(summary, struct_size,
                 llm2clip_index_summary{.struct_size = struct_size,
                                        .rows = done.rows,
                                        .added = done.added,
                                        .replaced = done.replaced,
                                        .removed = done.removed,
                                        .unchanged = done.unchanged},
                 "summary");
  });
}

llm2clip_status llm2clip_index_writer_warning(const llm2clip_index_writer* writer,
                                              llm2clip_bytes** warning) {
  return give(warning, [&] { return object_of(writer, "writer")->writer.warning(); });
}

llm2clip_status llm2clip_index_writer_free(llm2clip_index_writer* writer) {
  return free_handle(writer);
}
