#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "flags/args.h"
#include "inputs/input_policy.h"
#include "llm2clip/embeddings.h"
#include "llm2clip/run.h"
#include "terminal/messages.h"

namespace llm2clip {

/// An input of a job, and why it has no row.
struct Outcome {
  RunInput input;
  std::optional<RunFailure> failure;
  bool truncated = false;  ///< it lost its end
};

/// Inputs one after the other, and what became of them.
struct Batch {
  std::vector<Outcome> outcomes;
  Embeddings rows;  ///< of the outcomes without a failure, in their order
  std::map<std::size_t, std::string> left_out =
      {};  ///< rows that memory did not suffice for, and why
};

/// An input that the reading of inputs could not make use of.
struct Failure {
  std::string id;
  RunFailure why;
};

/// `stage` is where it failed; kinds that are not the input's fault are thrown on.
RunFailure failure_of(const char* stage, const Error& error);

/// Keeps failures until they take their place among the inputs.
class CollectedFailures final : public FailureSink {
 public:
  void failed(const std::string& id, const Error& error) override;
  std::vector<Failure> take() { return std::exchange(kept_, {}); }

 private:
  std::vector<Failure> kept_;
};

/// For EncodeOptions::left_out: keeps what it is told in batch.left_out.
std::function<void(std::size_t row, const Error& error)> note_left_out(Batch& batch);

/// Makes failures of rows that were left out, are not finite or have no length: they must never be
/// data.
void refuse_bad_rows(Batch& batch);

/// Tells every failure on standard error, and stops the job when there are too many.
class FailureBudget {
 public:
  FailureBudget(const JobFlags& flags, Messages& messages) : flags_(flags), messages_(messages) {}

  /// Throws Error(unreadable_input) when the job is to stop.
  void count(const Batch& batch);

 private:
  const JobFlags& flags_;
  Messages& messages_;
  std::uint64_t inputs_ = 0;
  std::uint64_t failed_ = 0;
};

}  // namespace llm2clip
