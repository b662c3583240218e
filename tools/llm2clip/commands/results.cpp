#include "jobs/results.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "jobs/job_thread.h"
#include "llm2clip/embeddings_file.h"
#include "terminal/json_output.h"
#include "terminal/stop_signals.h"

namespace llm2clip::cli {
namespace {

// Batches that wait for the disk.
constexpr std::size_t kQueuedBatches = 4;
constexpr std::size_t kQueuedBytes = 64u << 20;

RunOptions run_options(const OutputFlags& output, const JobFlags& job, std::size_t dim) {
  RunOptions options;
  options.existing = job.resume      ? Existing::resume
                     : job.overwrite ? Existing::overwrite
                                     : Existing::refuse;
  options.precision = stored_precision(output);
  options.dim = dim;
  options.commit_rows = job.commit_rows;
  options.commit_interval = std::chrono::seconds(job.commit_seconds);
  options.shard = job.shard.index;
  options.shards = job.shard.count;
  return options;
}

void check_flags(const OutputFlags& output, const JobFlags& job) {
  const auto needs_output = [&](bool given, const char* flag) {
    if (!given || !output.path.empty()) return;
    throw Error(ErrorKind::invalid_argument,
                std::string(flag) + ": standard output cannot be resumed or joined; give -o FILE");
  };
  needs_output(job.resume, "--resume");
  needs_output(job.overwrite, "--overwrite");
  if (!job.errors.empty() && !output.path.empty()) {
    throw Error(ErrorKind::invalid_argument,
                "--errors: with -o the failed inputs stand in " + output.path + ".errors.jsonl");
  }
}

}  // namespace

void Results::check(const OutputFlags& output, const JobFlags& job) {
  check_flags(output, job);
  if (!output.path.empty()) check_run_output(output.path, run_options(output, job, 1));
  if (!job.summary.empty()) check_output_path(job.summary);
  // It is written as it grows, so it may be a pipe.
  std::error_code error;
  const bool pipe =
      std::filesystem::exists(job.errors, error) && std::filesystem::is_other(job.errors, error);
  if (!job.errors.empty() && !pipe) check_output_path(job.errors);
}

FileUses Results::written_files(const OutputFlags& output, const JobFlags& job) {
  FileUses uses;
  uses.writes_run("-o", output.path, job.shard);
  if (output.path.empty()) uses.writes_standard_output();
  uses.writes("--errors", job.errors);
  uses.writes("--summary", job.summary);
  return uses;
}

std::string Results::recorded(const OutputFlags& output, const JobFlags& job,
                              const std::string& name) {
  if (!job.resume) return {};
  for (const auto& [key, value] : recorded_provenance(output.path, run_options(output, job, 1))) {
    if (key == name) return value;
  }
  return {};
}

Results::Results(const OutputFlags& output, const JobFlags& job, Provenance provenance,
                 Provenance computing, std::size_t dim)
    : flags_(output),
      job_(job),
      queue_(kQueuedBatches, kQueuedBytes),
      output_([] { return stop_signal() != 0; }) {
  if (!output.path.empty()) {
    RunOptions options = run_options(output, job, dim);
    options.provenance = std::move(provenance);
    options.computing = std::move(computing);
    run_.emplace(output.path, std::move(options));
  }
  if (!job.errors.empty()) {
    errors_.open(job.errors, std::ios::binary);
    if (!errors_) throw Error(ErrorKind::io, job.errors + ": cannot be created");
  }
  writer_ = start_thread([this] {
    try {
      while (const std::optional<Batch> batch = queue_.pop()) write(*batch);
    } catch (const ReaderStalled&) {
      queue_.cancel();
    } catch (...) {
      failure_ = std::current_exception();
      queue_.cancel();
    }
  });
}

Results::~Results() { close(); }

void Results::close() noexcept {
  if (!writer_.joinable()) return;
  try {
    stop();
  } catch (...) {  // something else is on its way already
  }
}

std::optional<RunInput> Results::take(std::string_view id, std::string_view content,
                                      std::string_view stamp) {
  if (run_) return run_->take(id, content, stamp);
  if (seen_++ % job_.shard.count != job_.shard.index - 1) return std::nullopt;
  return RunInput{taken_++, std::string(id), {}};
}

void Results::add(Batch batch) {
  const std::size_t bytes = batch.rows.values().size_bytes();
  if (!queue_.push(std::move(batch), bytes)) end_writing();
}

void Results::write(const Batch& batch) {
  if (!run_) return write_lines(batch);
  std::size_t row = 0;
  for (const Outcome& outcome : batch.outcomes) {
    if (outcome.failure) {
      run_->fail(outcome.input, *outcome.failure);
    } else {
      run_->add(outcome.input, batch.rows[row++]);
    }
    if (outcome.truncated) run_->count("truncated", 1);
  }
  run_->commit_if_due();
}

void Results::write_lines(const Batch& batch) {
  std::size_t row = 0;
  RunSummary written = counted_;
  for (const Outcome& outcome : batch.outcomes) {
    const RunInput& input = outcome.input;
    ++written.inputs;
    if (outcome.truncated) ++written.counts["truncated"];
    if (outcome.failure) {
      const nlohmann::ordered_json why = {{"stage", outcome.failure->stage},
                                          {"code", outcome.failure->code},
                                          {"message", outcome.failure->message}};
      ++written.failed;
      ++written.failed_by_code[outcome.failure->code];
      if (!errors_.is_open()) continue;
      errors_ << "{\"index\":" << input.index << ',' << json_id(input.id) << ','
              << json_text(why).substr(1) << '\n';
    } else {
      ++written.embedded;
      output_.write(embedding_json(input.id, batch.rows[row++], stored_precision(flags_)) + "\n");
    }
  }
  output_.flush();
  counted_ = std::move(written);
  errors_.flush();
  if (errors_.is_open() && !errors_)
    throw Error(ErrorKind::io, job_.errors + ": cannot be written");
}

void Results::end_writing() {
  queue_.close();
  if (writer_.joinable()) writer_.join();
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

RunSummary Results::finish() {
  end_writing();
  return run_ ? run_->finish() : counted_;
}

RunSummary Results::stop() {
  end_writing();
  if (!run_) return counted_;
  run_->commit();
  return run_->summary();
}

}  // namespace llm2clip::cli
