#include "jobs/job.h"

#include <algorithm>
#include <cmath>

namespace llm2clip {
namespace {

// Before so many inputs a share of failures says little.
constexpr std::uint64_t kLeastInputsForShare = 1000;

// Why a row cannot be used; nothing: it can.
std::optional<RunFailure> fault_of(const std::string& id, const Batch& batch, std::size_t row) {
  if (const auto left_out = batch.left_out.find(row); left_out != batch.left_out.end()) {
    return RunFailure{"encode", "out_of_memory",
                      id + ": memory does not suffice for it even alone: " + left_out->second};
  }
  double squares = 0;
  for (const float value : batch.rows[row]) squares += static_cast<double>(value) * value;
  if (!std::isfinite(squares)) {
    return RunFailure{"encode", "not_finite", id + ": the model gives values that are not finite"};
  }
  if (squares == 0) {
    return RunFailure{"encode", "zero_norm", id + ": the model gives a row of zeros"};
  }
  return std::nullopt;
}

}  // namespace

RunFailure failure_of(const char* stage, const Error& error) {
  if (error.kind() != ErrorKind::unreadable_input) throw error;
  return {stage, "unreadable_input", error.what()};
}

void CollectedFailures::failed(const std::string& id, const Error& error) {
  kept_.push_back({id, failure_of("list", error)});
  ++failures_;
}

std::function<void(std::size_t row, const Error& error)> note_left_out(Batch& batch) {
  return
      [&batch](std::size_t row, const Error& error) { batch.left_out.emplace(row, error.what()); };
}

void refuse_bad_rows(Batch& batch) {
  std::vector<std::size_t> good;
  std::size_t row = 0;
  for (Outcome& outcome : batch.outcomes) {
    if (outcome.failure) continue;
    outcome.failure = fault_of(outcome.input.id, batch, row);
    if (!outcome.failure) good.push_back(row);
    ++row;
  }
  if (good.size() == batch.rows.rows()) return;
  Embeddings kept(good.size(), batch.rows.dim());
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::copy_n(batch.rows[good[i]].begin(), kept.dim(), kept[i].begin());
  }
  batch.rows = std::move(kept);
}

void FailureBudget::count(const Batch& batch) {
  inputs_ += batch.outcomes.size();
  for (const Outcome& outcome : batch.outcomes) {
    if (!outcome.failure) continue;
    if (flags_.on_error == OnError::fail) {
      throw Error(ErrorKind::unreadable_input, outcome.failure->message);
    }
    messages_.error(outcome.failure->message);
    ++failed_;
  }
  const MaxErrors& most = flags_.max_errors;
  const bool too_many =
      most.share ? inputs_ >= kLeastInputsForShare &&
                       static_cast<double>(failed_) > *most.share * static_cast<double>(inputs_)
                 : failed_ > most.count;
  if (!too_many) return;
  throw Error(ErrorKind::unreadable_input,
              std::to_string(failed_) + " of " + std::to_string(inputs_) +
                  " inputs failed, more than --max-errors " + most.text +
                  " allows; see the messages above, or raise it and go on with --resume");
}

}  // namespace llm2clip
