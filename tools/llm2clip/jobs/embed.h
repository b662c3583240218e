#pragma once

#include <cstddef>
#include <utility>

#include "jobs/job.h"
#include "jobs/results.h"
#include "progress.h"

namespace llm2clip::cli {

/// The main thread's part of a job: rows for one batch of inputs after the other.
/// `batches` is ImageBatches or TextBatches; encode(inputs, options) gives a row for each of its
/// inputs that has no failure. Where an earlier process has done all, inputs are read and compared
/// alone. Throws what they throw, and as FailureBudget::count.
template <typename Batches, typename Encode>
void embed_batches(Batches& batches, Results& results, const JobFlags& flags, Progress& progress,
                   Messages& messages, EncodeOptions options, const Encode& encode) {
  FailureBudget budget(flags, messages);
  std::size_t done = 0;
  options.progress = [&](std::size_t done_in_batch) {
    progress.update(done + done_in_batch);
    return true;
  };
  const auto tell_notes = [&] {
    for (const std::string& line : results.notes()) messages.warning(line);
  };
  tell_notes();
  while (auto inputs = batches.next()) {
    tell_notes();
    Batch& batch = inputs->batch;
    options.left_out = note_left_out(batch);
    batch.rows = encode(*inputs, options);
    refuse_bad_rows(batch);
    budget.count(batch);
    progress.update(done += batch.outcomes.size());
    results.add(std::move(batch));
  }
  tell_notes();
}

}  // namespace llm2clip::cli
