#include "c/summary.h"

#include <utility>

#include "c/arguments.h"
#include "c/handles.h"

namespace llm2clip::c {
namespace {

std::vector<llm2clip_named_count> views_of(const std::map<std::string, std::uint64_t>& counts) {
  std::vector<llm2clip_named_count> views;
  for (const auto& [name, count] : counts) views.push_back({borrowed(name), count});
  return views;
}

}  // namespace

std::optional<RunFailure> failure_of(const llm2clip_failure& failure, const char* argument) {
  if (failure.code.length == 0) return std::nullopt;
  return RunFailure{.stage = std::string(text_of(failure.stage, argument)),
                    .code = std::string(text_of(failure.code, argument)),
                    .message = std::string(text_of(failure.message, argument))};
}

llm2clip_outcome to_c(const Outcome& outcome) {
  llm2clip_outcome result{};
  result.index = outcome.input.index;
  result.id = borrowed(outcome.input.id);
  result.truncated = outcome.truncated;
  if (outcome.failure) {
    result.failure = {.stage = borrowed(outcome.failure->stage),
                      .code = borrowed(outcome.failure->code),
                      .message = borrowed(outcome.failure->message)};
  }
  return result;
}

std::vector<llm2clip_outcome> to_c(const std::vector<Outcome>& outcomes) {
  std::vector<llm2clip_outcome> views;
  views.reserve(outcomes.size());
  for (const Outcome& outcome : outcomes) views.push_back(to_c(outcome));
  return views;
}

Summary::Summary(EmbedSummary done)
    : failed_by_code_(std::move(done.failed_by_code)), failures_(std::move(done.failures)) {
  totals_.inputs = done.inputs;
  totals_.embedded = done.embedded;
  totals_.failed = done.failed;
  totals_.passed_over = done.passed_over;
  totals_.truncated = done.truncated;
  view();
}

Summary::Summary(RunSummary done)
    : failed_by_code_(std::move(done.failed_by_code)),
      counts_(std::move(done.counts)),
      warning_(std::move(done.warning)) {
  totals_.inputs = done.inputs;
  totals_.embedded = done.embedded;
  totals_.failed = done.failed;
  const auto truncated = counts_.find("truncated");
  if (truncated != counts_.end()) totals_.truncated = truncated->second;
  totals_.resumed = done.resumed;
  totals_.redone = done.redone;
  view();
}

void Summary::view() {
  code_views_ = views_of(failed_by_code_);
  count_views_ = views_of(counts_);
  failure_views_ = to_c(failures_);
  totals_.struct_size = sizeof totals_;
  totals_.failed_by_code = code_views_.data();
  totals_.failed_by_code_count = code_views_.size();
  totals_.counts = count_views_.data();
  totals_.counts_count = count_views_.size();
  totals_.failures = failure_views_.data();
  totals_.failure_count = failure_views_.size();
  totals_.warning = borrowed(warning_);
}

}  // namespace llm2clip::c

using namespace llm2clip::c;

llm2clip_status llm2clip_summary_view(const llm2clip_summary* summary, llm2clip_totals* totals,
                                      size_t struct_size) {
  return guarded([&] {
    write_struct(totals, struct_size, object_of(summary, "summary")->totals(), "totals");
  });
}

llm2clip_status llm2clip_summary_free(llm2clip_summary* summary) { return free_handle(summary); }
