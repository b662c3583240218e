#pragma once

#include <cstddef>
#include <exception>
#include <utility>

#include "jobs/job.h"
#include "jobs/results.h"
#include "terminal/progress.h"
#include "terminal/stop_signals.h"

namespace llm2clip {

/// Runs `step`, which cancels itself when a signal asks for a stop. False: it did.
template <typename Step>
bool unless_stopped(const Step& step) {
  try {
    step();
    return true;
  } catch (const Error& error) {
    if (stop_signal() == 0 || error.kind() != ErrorKind::invalid_argument) throw;
    return false;
  }
}

/// The main thread's part of a job: rows for one batch of inputs after the other.
/// `batches` is ImageBatches or TextBatches; encode(inputs, options) gives a row for each of its
/// inputs that has no failure. Ends after the pass in which a signal asks for a stop: what `encode`
/// has made of its inputs by then is dropped. Where an earlier process has done all, inputs are
/// read and compared alone. Throws what they throw, and as FailureBudget::count.
template <typename Batches, typename Encode>
void embed_batches(Batches& batches, Results& results, const JobFlags& flags, Progress& progress,
                   Messages& messages, EncodeOptions options, const Encode& encode) {
  // A thread that was left behind keeps `results`, which would not commit when they are destroyed.
  struct Closing {
    Results& results;
    ~Closing() {
      if (std::uncaught_exceptions() > 0) results.close();
    }
  } const closing{results};
  FailureBudget budget(flags, messages);
  std::size_t done = 0;
  options.progress = [&](std::size_t done_in_batch) {
    progress.update(done + done_in_batch);
    return true;
  };
  options.stop = [] { return stop_signal() != 0; };
  const auto tell_notes = [&] {
    for (const std::string& line : results.notes()) messages.warning(line);
  };
  tell_notes();
  while (auto inputs = batches.next()) {
    tell_notes();
    Batch& batch = inputs->batch;
    options.left_out = note_left_out(batch);
    if (!unless_stopped([&] { batch.rows = encode(*inputs, options); })) return;
    refuse_bad_rows(batch);
    budget.count(batch);
    progress.update(done += batch.outcomes.size());
    results.add(std::move(batch));
  }
  tell_notes();
}

}  // namespace llm2clip
