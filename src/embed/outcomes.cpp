#include "embed/outcomes.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/stop.h"

namespace llm2clip {
namespace {

// Before so many inputs a share of failures says little.
constexpr std::uint64_t kLeastInputsForShare = 1000;

// Why a row cannot be used; nothing: it can.
std::optional<RunFailure> fault_of(const std::string& id, std::span<const float> row,
                                   const std::string* left_out) {
  if (left_out != nullptr) {
    return RunFailure{"encode", "out_of_memory",
                      id + ": memory does not suffice for it even alone: " + *left_out};
  }
  double squares = 0;
  for (const float value : row) squares += static_cast<double>(value) * value;
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

void refuse_bad_rows(EmbeddedBatch& batch, const LeftOut& left_out) {
  std::vector<std::size_t> good;
  std::size_t row = 0;
  for (Outcome& outcome : batch.outcomes) {
    if (outcome.failure) continue;
    const auto why = left_out.find(row);
    outcome.failure =
        fault_of(outcome.input.id, batch.rows[row], why == left_out.end() ? nullptr : &why->second);
    if (!outcome.failure) good.push_back(row);
    ++row;
  }
  if (good.size() == batch.rows.rows()) return;
  Embeddings kept(good.size(), batch.rows.dim());
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::copy_n(batch.rows[good[i]].begin(), kept.dim(), kept[i].begin());
  }
  batch.rows = std::move(kept);
  if (batch.thumbnails.empty()) return;
  std::vector<Thumbnail> thumbnails;
  for (const std::size_t i : good) thumbnails.push_back(std::move(batch.thumbnails[i]));
  batch.thumbnails = std::move(thumbnails);
}

bool Account::progress(std::size_t done_of_batch) const {
  return !options_.progress || options_.progress(summary_.inputs + done_of_batch, total_);
}

void Account::count(const std::vector<Outcome>& outcomes) {
  for (const Outcome& outcome : outcomes) count(outcome);
  check_limit();
  if (!progress(0)) cancel();
}

void Account::count(const Outcome& outcome) {
  ++summary_.inputs;
  if (outcome.truncated) ++summary_.truncated;
  if (!outcome.failure) {
    ++summary_.embedded;
    return;
  }
  ++summary_.failed;
  ++summary_.failed_by_code[outcome.failure->code];
  if (options_.stop_at_failure) {
    throw Error(ErrorKind::unreadable_input, outcome.failure->message);
  }
  if (options_.failed) options_.failed(outcome);
  if (keeps_failures_) summary_.failures.push_back(outcome);
}

void Account::check_limit() const {
  const auto& [count, share, advice] = options_.failure_limit;
  const bool too_many = count && summary_.failed > *count;
  const bool too_large_a_share =
      share && summary_.inputs >= kLeastInputsForShare &&
      static_cast<double>(summary_.failed) > *share * static_cast<double>(summary_.inputs);
  if (!too_many && !too_large_a_share) return;
  throw Error(ErrorKind::unreadable_input, std::to_string(summary_.failed) + " of " +
                                               std::to_string(summary_.inputs) +
                                               " inputs failed, " + advice);
}

}  // namespace llm2clip
