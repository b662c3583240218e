#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "c/handles.h"
#include "llm2clip/c/llm2clip.h"
#include "llm2clip/embed.h"
#include "llm2clip/run.h"

namespace llm2clip::c {

/// Empty for a failure without a code.
std::optional<RunFailure> failure_of(const llm2clip_failure& failure, const char* argument);

/// What callbacks and views get of outcomes, whose strings are borrowed.
llm2clip_outcome to_c(const Outcome& outcome);
std::vector<llm2clip_outcome> to_c(const std::vector<Outcome>& outcomes);

/// What became of the inputs of a call or a run, and what llm2clip_summary_view lends of it.
class Summary {
 public:
  explicit Summary(EmbedSummary done);
  explicit Summary(RunSummary done);
  Summary(const Summary&) = delete;  // the totals lead into this object
  Summary& operator=(const Summary&) = delete;

  const llm2clip_totals& totals() const { return totals_; }

 private:
  void view();

  const std::map<std::string, std::uint64_t> failed_by_code_, counts_;
  const std::vector<Outcome> failures_;
  const std::string warning_;
  std::vector<llm2clip_named_count> code_views_, count_views_;
  std::vector<llm2clip_outcome> failure_views_;
  llm2clip_totals totals_{};
};

/// The body of calls that give a summary, which may be NULL: `make` returns what became of the
/// inputs.
template <typename Make>
llm2clip_status give_summary(llm2clip_summary** summary, Make&& make) noexcept {
  if (!summary) return guarded([&] { make(); });
  return give(summary, [&] { return std::make_shared<const Summary>(make()); });
}

}  // namespace llm2clip::c
