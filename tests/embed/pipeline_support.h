#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "embed/embed_batches.h"
#include "embed/image_batches.h"
#include "embed/sink.h"
#include "embed/text_batches.h"

// What embed_images and embed_texts do, with a stand-in for the network.
namespace llm2clip::testing {

inline constexpr std::size_t kRowDim = 4;

/// A row of an input's content alone.
template <typename Values>
void put_row(const Values& values, std::span<float> row) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    row[i % row.size()] += static_cast<float>(values[i]) + 1;
  }
}

inline TakeInput take_of(const std::shared_ptr<SinkAccess::Impl>& sink) {
  return [sink](std::string_view id, std::string_view content, std::string_view stamp) {
    return sink->take(id, content, stamp);
  };
}

inline std::shared_ptr<const Tokenizer> demo_tokenizer() {
  return std::make_shared<const Tokenizer>(Tokenizer::load("models/demo/tokenizer.json"));
}

/// `encode(inputs, options)` as embed_batches takes it.
template <typename Encode>
EmbedSummary embed_images_with(const Encode& encode, ImageSource source, int side, EmbedSink to,
                               const EmbedOptions& options) {
  const auto& sink = SinkAccess::of(to);
  sink->begin(kRowDim);
  Account account(options, source.total(), sink->manner().keeps_failures);
  ImageBatches batches(std::move(source), {.image_size = side}, options, take_of(sink),
                       options.stop);
  BatchWriter writer(sink, options);
  EncodeOptions encoding;
  encoding.stop = options.stop;
  return embed_batches(batches, writer, account, encoding, encode);
}

template <typename Encode>
EmbedSummary embed_texts_with(const Encode& encode, TextSource source,
                              std::shared_ptr<const Tokenizer> tokenizer, std::size_t window,
                              EmbedSink to, const EmbedOptions& options) {
  const auto& sink = SinkAccess::of(to);
  sink->begin(kRowDim);
  Account account(options, source.total(), sink->manner().keeps_failures);
  TextBatches batches(std::move(source), std::move(tokenizer),
                      {.window = window, .longest = 512, .on_long = options.on_long}, take_of(sink),
                      options.stop, options.leave_threads);
  BatchWriter writer(sink, options);
  EncodeOptions encoding;
  encoding.stop = options.stop;
  return embed_batches(batches, writer, account, encoding, encode);
}

/// The stand-in.
inline Embeddings rows_of(const PreprocessedBatch& images, const EncodeOptions&) {
  std::size_t count = 0;
  for (const Outcome& outcome : images.outcomes) count += outcome.failure ? 0 : 1;
  Embeddings rows(count, kRowDim);
  const std::size_t size = count == 0 ? 0 : images.crops.size() / count;
  for (std::size_t i = 0; i < count; ++i) {
    put_row(std::span(images.crops).subspan(i * size, size), rows[i]);
  }
  return rows;
}

inline Embeddings rows_of(const TextBatches::Texts& texts, const EncodeOptions&) {
  Embeddings rows(texts.tokens.size(), kRowDim);
  for (std::size_t i = 0; i < rows.rows(); ++i) put_row(texts.tokens[i].ids, rows[i]);
  return rows;
}

}  // namespace llm2clip::testing
