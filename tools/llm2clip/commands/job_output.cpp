#include "commands/job_output.h"

#include <chrono>
#include <filesystem>

#include "llm2clip/detail/command_line.h"
#include "llm2clip/embeddings_file.h"

namespace llm2clip::cli {
namespace {

OutputLayout layout_of(const OutputFlags& output) {
  if (output.layout == "file") return OutputLayout::file;
  return output.of_texts ? OutputLayout::clip_retrieval_texts : OutputLayout::clip_retrieval_images;
}

StoredPrecision precision_of(const OutputFlags& output) {
  if (!output.dtype.empty()) return from_string<StoredPrecision>(output.dtype);
  return output.layout == "file" ? StoredPrecision::float32 : StoredPrecision::float16;
}

RunOptions run_options(const OutputFlags& output, const JobFlags& job, std::size_t dim) {
  RunOptions options;
  options.existing = job.resume      ? Existing::resume
                     : job.overwrite ? Existing::overwrite
                                     : Existing::refuse;
  options.layout = layout_of(output);
  options.partition_rows = output.partition_rows;
  options.precision = precision_of(output);
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
  if (output.path.empty() && output.layout != "file") {
    throw Error(ErrorKind::invalid_argument,
                "--layout: " + output.layout + " is a folder; give -o FOLDER");
  }
  needs_output(job.resume, "--resume");
  needs_output(job.overwrite, "--overwrite");
  if (!job.errors.empty() && !output.path.empty()) {
    throw Error(ErrorKind::invalid_argument,
                "--errors: with -o the failed inputs stand in " + output.path + ".errors.jsonl");
  }
}

}  // namespace

void JobOutput::check(const OutputFlags& output, const JobFlags& job) {
  check_flags(output, job);
  if (!output.path.empty()) Run::check(output.path, run_options(output, job, 1));
  if (!job.summary.empty()) detail::check_output_path(job.summary);
  // It is written as it grows, so it may be a pipe.
  std::error_code error;
  const bool pipe =
      std::filesystem::exists(job.errors, error) && std::filesystem::is_other(job.errors, error);
  if (!job.errors.empty() && !pipe) detail::check_output_path(job.errors);
}

FileUses JobOutput::written_files(const OutputFlags& output, const JobFlags& job) {
  FileUses uses;
  uses.writes_run("-o", output.path, job.shard);
  if (output.path.empty()) uses.writes_standard_output();
  uses.writes("--errors", job.errors);
  uses.writes("--summary", job.summary);
  return uses;
}

std::string JobOutput::recorded(const OutputFlags& output, const JobFlags& job,
                                const std::string& name) {
  if (!job.resume) return {};
  for (const auto& [key, value] : Run::recorded(output.path, run_options(output, job, 1))) {
    if (key == name) return value;
  }
  return {};
}

JobOutput::JobOutput(const OutputFlags& output, const JobFlags& job, Provenance provenance,
                     Provenance computing, std::size_t dim)
    : shard_(job.shard) {
  if (output.path.empty()) {
    lines_ = std::make_shared<JsonLines>(precision_of(output), job);
    return;
  }
  RunOptions options = run_options(output, job, dim);
  options.provenance = std::move(provenance);
  options.computing = std::move(computing);
  run_ = std::make_shared<Run>(output.path, std::move(options));
}

EmbedSink JobOutput::sink() const {
  if (run_) return run_;
  return EmbedSink::in_own_thread(
      [lines = lines_](const EmbeddedBatch& batch) { lines->write(batch); });
}

RunSummary JobOutput::finish() { return run_ ? run_->finish() : lines_->summary(); }

RunSummary JobOutput::stop() {
  if (!run_) return lines_->summary();
  run_->commit();
  return run_->summary();
}

void JobOutput::tell_notes(Messages& messages) const {
  if (!run_) return;
  for (const std::string& line : run_->notes()) messages.warning(line);
}

void JobOutput::tell_warning(Messages& messages) const {
  const std::string warning = run_ ? run_->warning() : std::string();
  if (!warning.empty()) messages.warning(warning);
}

}  // namespace llm2clip::cli
