#include "llm2clip/embed.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "c/arguments.h"
#include "c/embed_inputs.h"
#include "c/embed_options.h"
#include "c/handles.h"
#include "c/index.h"
#include "c/options.h"
#include "c/run.h"
#include "c/summary.h"

namespace llm2clip::c {
namespace {

EmbedSink::Take take_of(const llm2clip_embed_sink& sink) {
  return [take = sink.take, user_data = sink.user_data](const EmbeddedBatch& batch) {
    const std::vector<llm2clip_outcome> outcomes = to_c(batch.outcomes);
    const llm2clip_embedded_batch told{.struct_size = sizeof told,
                                       .outcomes = outcomes.data(),
                                       .outcome_count = outcomes.size(),
                                       .rows = batch.rows.values().data(),
                                       .row_count = batch.rows.rows(),
                                       .dim = batch.rows.dim()};
    if (!take(&told, user_data)) cancel();
  };
}

// What the caller's sink stands for; `rows` are those of a sink that wants them.
EmbedSink sink_of(const llm2clip_embed_sink& sink, Embeddings& rows) {
  const int kinds = (sink.rows != nullptr) + (sink.index != nullptr) + (sink.run != nullptr) +
                    (sink.take != nullptr);
  if (kinds != 1) {
    refuse("sink", std::string("has ") + (kinds == 0 ? "none" : "more than one") +
                       " of rows, index, run and take");
  }
  if (sink.rows) return rows;
  if (sink.take) {
    return sink.own_thread ? EmbedSink::in_own_thread(take_of(sink)) : EmbedSink(take_of(sink));
  }
  if (sink.index) {
    const std::shared_ptr<OpenIndexWriter> index = object_of(sink.index, "sink");
    return std::shared_ptr<IndexWriter>(index, &index->writer);
  }
  const std::shared_ptr<OpenRun> run = open_run_of(sink.run);
  return std::shared_ptr<Run>(run, &run->run);
}

// The body of both calls: `embed` gets the sink. The caller gets rows and summary, or neither.
template <typename Embed>
llm2clip_status embed_into(const llm2clip_embed_sink* sink, llm2clip_summary** summary,
                           const Embed& embed) noexcept {
  if (sink && sink->rows) *sink->rows = nullptr;
  if (summary) *summary = nullptr;
  return guarded([&] {
    if (!sink) refuse("sink", "NULL where a struct is expected");
    Embeddings rows;
    const auto done = std::make_shared<const Summary>(embed(sink_of(*sink, rows)));
    const auto all = std::make_shared<const Embeddings>(std::move(rows));
    GivenTogether given;
    given.give(sink->rows, all);
    given.give(summary, done);
    given.keep();
  });
}

}  // namespace
}  // namespace llm2clip::c

using namespace llm2clip;
using namespace llm2clip::c;

llm2clip_status llm2clip_embed_images(const llm2clip_model* model,
                                      const llm2clip_image_source* source,
                                      const llm2clip_embed_sink* sink,
                                      const llm2clip_embed_options* options,
                                      llm2clip_summary** summary) {
  return embed_into(sink, summary, [&](const EmbedSink& to) {
    const auto loaded = object_of(model, "model");
    return embed_images(*loaded, source_of(source), to, embed_options_of(options));
  });
}

llm2clip_status llm2clip_embed_texts(const llm2clip_model* model,
                                     const llm2clip_text_source* source,
                                     const llm2clip_embed_sink* sink,
                                     const llm2clip_embed_options* options,
                                     llm2clip_summary** summary) {
  return embed_into(sink, summary, [&](const EmbedSink& to) {
    const auto loaded = object_of(model, "model");
    return embed_texts(*loaded, source_of(source), to, embed_options_of(options));
  });
}

llm2clip_status llm2clip_preprocess_images(const llm2clip_preprocess_options* preprocess,
                                           const llm2clip_image_source* source,
                                           llm2clip_crops_callback take, void* user_data,
                                           const llm2clip_embed_options* options,
                                           llm2clip_summary** summary) {
  return give_summary(summary, [&] {
    if (!take) refuse("take", "NULL where a callback is expected");
    const PreprocessOptions wanted = preprocess_options_of(preprocess);
    const std::size_t side = static_cast<std::size_t>(std::max(wanted.image_size, 1));
    const auto hand_over = [&](const PreprocessedBatch& batch) {
      const std::vector<llm2clip_outcome> outcomes = to_c(batch.outcomes);
      const llm2clip_preprocessed_batch told{.struct_size = sizeof told,
                                             .outcomes = outcomes.data(),
                                             .outcome_count = outcomes.size(),
                                             .crops = batch.crops.data(),
                                             .crop_count = batch.crops.size() / (3 * side * side),
                                             .byte_count = batch.crops.size()};
      if (!take(&told, user_data)) cancel();
    };
    return preprocess_images(wanted, source_of(source), hand_over, embed_options_of(options));
  });
}
