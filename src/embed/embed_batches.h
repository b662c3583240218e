#pragma once

#include <utility>

#include "embed/batch_writer.h"
#include "embed/outcomes.h"

namespace llm2clip {

/// The calling thread's part of a pipeline: rows for one batch of inputs after the other.
/// `batches` is ImageBatches or TextBatches; encode(inputs, options) gives a row for each of its
/// inputs that has no failure. Throws what they throw, and as Account::count; what `encode` has
/// made of the inputs of a batch by then is dropped.
template <typename Batches, typename Encode>
EmbedSummary embed_batches(Batches& batches, BatchWriter& writer, Account& account,
                           EncodeOptions options, const Encode& encode) {
  LeftOut left_out;
  options.left_out = [&](std::size_t row, const Error& error) {
    left_out.emplace(row, error.what());
  };
  options.progress = [&](std::size_t done) { return account.progress(done); };
  while (auto inputs = batches.next()) {
    left_out.clear();
    EmbeddedBatch batch;
    batch.rows = encode(*inputs, options);
    batch.outcomes = std::move(inputs->outcomes);
    if constexpr (requires { inputs->thumbnails; }) {
      batch.thumbnails = std::move(inputs->thumbnails);
    }
    refuse_bad_rows(batch, left_out);
    account.count(batch.outcomes);
    writer.add(std::move(batch));
  }
  writer.finish();
  EmbedSummary summary = account.summary();
  summary.passed_over = batches.passed_over();
  return summary;
}

}  // namespace llm2clip
