#include "store/run/earlier_chunks.h"

#include <utility>

#include "store/run/input_names.h"

namespace llm2clip {

EarlierChunks::EarlierChunks(std::filesystem::path folder, const std::vector<ChunkRecord>& records,
                             RunNotes& notes)
    : folder_(std::move(folder)), notes_(notes) {
  for (ChunkRange& range : newest_chunks(records)) {
    if (chunk_is_sound(folder_, range.chunk)) {
      ranges_.push_back(std::move(range));
    } else {
      notes_.add((folder_ / range.chunk.file).string() + ": is damaged or missing; " +
                 inputs_from_to(range.first, range.end) + " are made anew");
    }
  }
  count_rows(folder_, ranges_);
  for (const ChunkRange& range : ranges_) {
    summary_.inputs += range.end - range.first;
    summary_.embedded += range.rows;
  }
  summary_.failed = summary_.inputs - summary_.embedded;
}

std::vector<ChunkRecord> EarlierChunks::records() const {
  std::vector<ChunkRecord> records;
  for (const ChunkRange& range : ranges_) records.push_back(range.chunk);
  return records;
}

bool EarlierChunks::hold(const RunInput& input) {
  while (at_ < ranges_.size() && ranges_[at_].end <= input.index) {
    ++at_;
    stale_ = false;
    outcomes_.clear();
  }
  if (at_ == ranges_.size() || input.index < ranges_[at_].first) return false;
  const ChunkRange& range = ranges_[at_];
  if (outcomes_.empty()) outcomes_ = read_outcomes(folder_, range.chunk);
  const InputOutcome& outcome = outcomes_[input.index - range.chunk.first];
  if (!stale_) {
    if (outcome.digest == short_digest(input.digest)) return true;
    stale_ = true;
    notes_.add(folder_.string() + ": input " + std::to_string(input.index) + ", " +
               in_quotes(input.id) + ", is not what it was; " +
               inputs_from_to(input.index, range.end) +
               (input.index + 1 == range.end ? " is" : " are") + " made anew");
  }
  const std::scoped_lock lock(mutex_);
  --summary_.inputs;
  --(outcome.failed ? summary_.failed : summary_.embedded);
  ++summary_.redone;
  return false;
}

RunSummary EarlierChunks::summary() const {
  const std::scoped_lock lock(mutex_);
  RunSummary summary = summary_;
  summary.resumed = summary.inputs;
  return summary;
}

}  // namespace llm2clip
