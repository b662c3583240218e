#include "commands/json_lines.h"

#include <utility>

#include "llm2clip/detail/command_line.h"
#include "llm2clip/embeddings_file.h"
#include "terminal/stop_signals.h"

namespace llm2clip::cli {

JsonLines::JsonLines(StoredPrecision precision, const JobFlags& job)
    : precision_(precision), errors_path_(job.errors), output_([] { return stop_signal() != 0; }) {
  if (errors_path_.empty()) return;
  errors_.open(errors_path_, std::ios::binary);
  if (!errors_) throw Error(ErrorKind::io, errors_path_ + ": cannot be created");
}

void JsonLines::write(const EmbeddedBatch& batch) {
  if (stalled_) return;
  RunSummary written = written_;
  try {
    write_outcomes(batch, written);
    output_.flush();
  } catch (const ReaderStalled&) {
    stalled_ = true;
    return;
  }
  written_ = std::move(written);
  errors_.flush();
  if (errors_.is_open() && !errors_)
    throw Error(ErrorKind::io, errors_path_ + ": cannot be written");
}

void JsonLines::write_outcomes(const EmbeddedBatch& batch, RunSummary& written) {
  std::size_t row = 0;
  for (const Outcome& outcome : batch.outcomes) {
    ++written.inputs;
    if (outcome.truncated) ++written.counts["truncated"];
    if (outcome.failure) {
      ++written.failed;
      ++written.failed_by_code[outcome.failure->code];
      write_failure(outcome.input, *outcome.failure);
    } else {
      ++written.embedded;
      output_.write(embedding_json(outcome.input.id, batch.rows[row++], precision_) + "\n");
    }
  }
}

void JsonLines::write_failure(const RunInput& input, const RunFailure& failure) {
  if (errors_.is_open()) errors_ << detail::error_line(input.index, input.id, failure);
}

}  // namespace llm2clip::cli
