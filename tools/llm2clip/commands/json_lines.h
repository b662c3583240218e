#pragma once

#include <fstream>
#include <string>

#include "flags/args.h"
#include "llm2clip/embed.h"
#include "terminal/output.h"

namespace llm2clip::cli {

/// Rows as JSON lines on standard output, and failures as lines of the file of --errors.
class JsonLines {
 public:
  /// Throws Error(io).
  JsonLines(StoredPrecision precision, const JobFlags& job);

  /// Throws ReaderGone or Error(io). Where a signal asks for a stop and nobody reads, the batches
  /// from there on are dropped.
  void write(const EmbeddedBatch& batch);

  /// Of what was written.
  const RunSummary& summary() const { return written_; }

 private:
  void write_outcomes(const EmbeddedBatch& batch, RunSummary& written);
  void write_failure(const RunInput& input, const RunFailure& failure);

  const StoredPrecision precision_;
  const std::string errors_path_;
  std::ofstream errors_;
  Output output_;
  bool stalled_ = false;
  RunSummary written_;
};

}  // namespace llm2clip::cli
