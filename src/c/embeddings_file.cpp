#include "llm2clip/embeddings_file.h"

#include <array>

#include "c/arguments.h"
#include "c/handles.h"
#include "c/options.h"
#include "c/strings.h"

namespace llm2clip::c {
namespace {

// The head of a .npy file holds the shapes of eight axes, and the rows are one of them.
constexpr std::size_t kMostRowAxes = 7;

std::span<const std::size_t> row_shape_of(const size_t* shape, size_t axis_count) {
  const auto axes = array_of(shape, axis_count, "row_shape");
  if (axes.size() > kMostRowAxes) {
    refuse("row_shape", std::to_string(axes.size()) + " axes, at most " +
                            std::to_string(kMostRowAxes) + " are expected");
  }
  std::size_t values = 1;
  for (const std::size_t axis : axes) {
    if (__builtin_mul_overflow(values, axis, &values)) refuse("row_shape", "is too large");
  }
  return axes;
}

}  // namespace
}  // namespace llm2clip::c

using namespace llm2clip;
using namespace llm2clip::c;

llm2clip_status llm2clip_write_embeddings(const char* path, size_t path_length,
                                          const llm2clip_embeddings* embeddings,
                                          const llm2clip_string* ids, size_t id_count,
                                          const llm2clip_provenance* provenance,
                                          size_t provenance_count,
                                          llm2clip_stored_precision precision) {
  return guarded([&] {
    const EmbeddingsFile content{
        .embeddings = *object_of(embeddings, "embeddings"),
        .ids = texts_of(ids, id_count, "ids"),
        .provenance = provenance_of(provenance, provenance_count, "provenance")};
    write_embeddings(path_of(path, path_length, "path"), content, stored_precision_of(precision));
  });
}

llm2clip_status llm2clip_read_embeddings(const char* path, size_t path_length,
                                         llm2clip_embeddings** embeddings, llm2clip_strings** ids,
                                         llm2clip_strings** provenance) {
  if (embeddings) *embeddings = nullptr;
  if (ids) *ids = nullptr;
  if (provenance) *provenance = nullptr;
  return guarded([&] {
    if (!embeddings) refuse("embeddings", "NULL where the address of a handle is expected");
    EmbeddingsFile file = read_embeddings(path_of(path, path_length, "path"));
    GivenTogether given;
    given.give(embeddings, std::make_shared<const Embeddings>(std::move(file.embeddings)));
    given.give(ids, std::make_shared<const Strings>(std::move(file.ids)));
    given.give(provenance, std::make_shared<const Strings>(in_turn(std::move(file.provenance))));
    given.keep();
  });
}

llm2clip_status llm2clip_check_embeddings_path(const char* path, size_t path_length) {
  return guarded([&] { check_embeddings_path(path_of(path, path_length, "path")); });
}

llm2clip_status llm2clip_check_output_path(const char* path, size_t path_length) {
  return guarded([&] { check_output_path(path_of(path, path_length, "path")); });
}

llm2clip_status llm2clip_embedding_json(const char* id, size_t id_length, const float* row,
                                        size_t dim, llm2clip_stored_precision precision,
                                        llm2clip_bytes** json) {
  return give(json, [&] {
    return embedding_json(text_of(id, id_length, "id"), array_of(row, dim, "row"),
                          stored_precision_of(precision));
  });
}

llm2clip_status llm2clip_json_id(const char* id, size_t id_length, llm2clip_bytes** json) {
  return give(json, [&] { return json_id(text_of(id, id_length, "id")); });
}

llm2clip_status llm2clip_write_file(const char* path, size_t path_length, const uint8_t* bytes,
                                    size_t byte_count) {
  return guarded([&] {
    write_file(path_of(path, path_length, "path"), array_of(bytes, byte_count, "bytes"));
  });
}

llm2clip_status llm2clip_npy_writer_open(const char* path, size_t path_length,
                                         const size_t* row_shape, size_t axis_count,
                                         llm2clip_npy_writer** writer) {
  return give(writer, [&] {
    return NpyWriter(path_of(path, path_length, "path"), row_shape_of(row_shape, axis_count));
  });
}

llm2clip_status llm2clip_npy_writer_append(llm2clip_npy_writer* writer, const float* row,
                                           size_t value_count) {
  return guarded([&] { object_of(writer, "writer")->append(array_of(row, value_count, "row")); });
}

llm2clip_status llm2clip_npy_writer_finish(llm2clip_npy_writer* writer) {
  return guarded([&] { object_of(writer, "writer")->finish(); });
}

llm2clip_status llm2clip_npy_writer_free(llm2clip_npy_writer* writer) {
  return free_handle(writer);
}
