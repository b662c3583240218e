#include "llm2clip/embeddings.h"

#include <algorithm>

#include "c/arguments.h"
#include "c/handles.h"
#include "llm2clip/similarity.h"

namespace llm2clip::c {
namespace {

// softmax and sigmoid: as many results as values.
template <typename Function>
llm2clip_status map_values(Function&& function, const float* values, size_t value_count,
                           float scale, float* result, size_t result_count) {
  return guarded([&] {
    const auto in = array_of(values, value_count, "values");
    const auto out = array_of(result, result_count, "result");
    if (in.size() != out.size()) {
      refuse("result", "has room for " + std::to_string(out.size()) + " values, " +
                           std::to_string(in.size()) + " are expected");
    }
    const std::vector<float> mapped = function(in, scale);
    std::copy(mapped.begin(), mapped.end(), out.begin());
  });
}

}  // namespace
}  // namespace llm2clip::c

using namespace llm2clip;
using namespace llm2clip::c;

llm2clip_status llm2clip_embeddings_from_values(const float* values, size_t value_count,
                                                size_t rows, size_t dim,
                                                llm2clip_embeddings** embeddings) {
  return give(embeddings, [&] {
    const auto given = array_of(values, value_count, "values");
    return Embeddings(rows, dim, {given.begin(), given.end()});
  });
}

llm2clip_status llm2clip_embeddings_view(const llm2clip_embeddings* embeddings,
                                         const float** values, size_t* rows, size_t* dim) {
  return guarded([&] {
    const auto object = object_of(embeddings, "embeddings");
    if (values) *values = object->values().data();
    if (rows) *rows = object->rows();
    if (dim) *dim = object->dim();
  });
}

llm2clip_status llm2clip_embeddings_normalize(const llm2clip_embeddings* embeddings,
                                              llm2clip_embeddings** unit_rows) {
  return give(unit_rows, [&] {
    Embeddings copy = *object_of(embeddings, "embeddings");
    normalize_rows(copy);
    return copy;
  });
}

llm2clip_status llm2clip_embeddings_free(llm2clip_embeddings* embeddings) {
  return free_handle(embeddings);
}

llm2clip_status llm2clip_cosine(const float* a, size_t a_count, const float* b, size_t b_count,
                                float* result) {
  return guarded(
      [&] { put(result, cosine(array_of(a, a_count, "a"), array_of(b, b_count, "b")), "cosine"); });
}

llm2clip_status llm2clip_cosines(const llm2clip_embeddings* images,
                                 const llm2clip_embeddings* texts, llm2clip_embeddings** scores) {
  return give(scores,
              [&] { return cosines(*object_of(images, "images"), *object_of(texts, "texts")); });
}

llm2clip_status llm2clip_softmax(const float* values, size_t value_count, float scale,
                                 float* result, size_t result_count) {
  return map_values(softmax, values, value_count, scale, result, result_count);
}

llm2clip_status llm2clip_sigmoid(const float* values, size_t value_count, float scale,
                                 float* result, size_t result_count) {
  return map_values(sigmoid, values, value_count, scale, result, result_count);
}

llm2clip_status llm2clip_top_k(const float* values, size_t value_count, llm2clip_match* matches,
                               size_t match_count, size_t* found) {
  return guarded([&] {
    const auto out = array_of(matches, match_count, "matches");
    const std::vector<Match> best = top_k(array_of(values, value_count, "values"), out.size());
    put(found, best.size(), "found");
    std::transform(best.begin(), best.end(), out.begin(),
                   [](const Match& match) { return llm2clip_match{match.index, match.score}; });
  });
}
