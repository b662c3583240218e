#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "llm2clip/embed.h"
#include "llm2clip/error.h"

namespace llm2clip {

/// `stage` is where an input failed; kinds that are not the input's fault are thrown on.
RunFailure failure_of(const char* stage, const Error& error);

/// Rows that memory did not suffice for, and why.
using LeftOut = std::map<std::size_t, std::string>;

/// Makes failures of rows that were left out, are not finite or have no length: they must never be
/// data.
void refuse_bad_rows(EmbeddedBatch& batch, const LeftOut& left_out);

/// Counts what became of inputs, tells of it, and ends the call when too many failed.
class Account {
 public:
  /// `options` must outlive the object. `keeps_failures`: for EmbedSummary::failures.
  Account(const EmbedOptions& options, std::optional<std::uint64_t> total,
          bool keeps_failures = false)
      : options_(options), total_(total), keeps_failures_(keeps_failures) {}

  /// For EncodeOptions::progress of the batch that comes next.
  bool progress(std::size_t done_of_batch) const;

  /// Throws Error(unreadable_input) for too many failures, Error(invalid_argument, "cancelled")
  /// where the progress says so, and what the callbacks throw.
  void count(const std::vector<Outcome>& outcomes);

  const EmbedSummary& summary() const { return summary_; }

 private:
  void count(const Outcome& outcome);
  void check_limit() const;

  const EmbedOptions& options_;
  std::optional<std::uint64_t> total_;
  bool keeps_failures_;
  EmbedSummary summary_;
};

}  // namespace llm2clip
