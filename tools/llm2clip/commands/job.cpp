#include "commands/job.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "commands/left_threads.h"
#include "llm2clip/detail/command_line.h"
#include "llm2clip/embeddings_file.h"
#include "terminal/exit_code.h"
#include "terminal/json_output.h"

namespace llm2clip::cli {
namespace {

void write_summary(const JobFlags& flags, const RunSummary& summary, double seconds,
                   int exit_code) {
  if (flags.summary.empty()) return;
  nlohmann::ordered_json object = {
      {"inputs", summary.inputs},   {"embedded", summary.embedded},
      {"failed", summary.failed},   {"failed_by_code", summary.failed_by_code},
      {"resumed", summary.resumed}, {"redone", summary.redone},
      {"seconds", seconds},         {"exit_code", exit_code}};
  for (const auto& [what, count] : summary.counts) object[what] = count;
  write_json_file(flags.summary, object);
}

int tell_end(const RunSummary& summary, int signal, const std::string& rest, const JobRequest& job,
             Messages& messages) {
  int code = summary.failed == 0 ? kDone : kSomeSkipped;
  std::string line = summary_line(summary, job.longest) + rest;
  if (signal != 0) {
    code = kSignalBase + signal;
    line = std::string("stopped by ") + name_of_signal(signal) + ": " + line;
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - job.start;
  write_summary(job.flags, summary, seconds.count(), code);
  messages.note(line);
  return code;
}

int end_job(JobOutput& output, const JobRequest& job, Messages& messages) {
  const int signal = stop_signal();
  const RunSummary summary = signal == 0 ? output.finish() : output.stop();
  std::string rest;
  if (signal != 0 && !job.output.path.empty()) {
    rest = "; the same command with --resume goes on";
  } else if (!job.output.path.empty() && job.flags.shard.count > 1) {
    rest = "; llm2clip merge " + job.output.path + " joins the shards when all are done";
  }
  return tell_end(summary, signal, rest, job, messages);
}

}  // namespace

FailureLimit failure_limit(const MaxErrors& most, const std::string& advice) {
  FailureLimit limit;
  limit.share = most.share;
  if (!most.share) limit.count = most.count;
  limit.advice =
      "more than --max-errors " + most.text + " allows; see the messages above, or " + advice;
  return limit;
}

std::string summary_line(const RunSummary& summary, int longest) {
  std::string line =
      std::to_string(summary.embedded) + " embedded, " + std::to_string(summary.failed) + " failed";
  const auto truncated = summary.counts.find("truncated");
  if (truncated != summary.counts.end()) {
    line += ", " + std::to_string(truncated->second) + " longer than " +
            (longest > 0 ? std::to_string(longest) + " tokens" : "the model takes") + " and cut";
  }
  if (summary.resumed > 0) line += ", " + std::to_string(summary.resumed) + " done earlier";
  if (summary.redone > 0) line += ", " + std::to_string(summary.redone) + " made anew";
  return line;
}

int run_job(JobOutput& output, const JobRequest& job, Progress& progress, Messages& messages,
            EmbedOptions options,
            const std::function<void(const EmbedSink& sink, const EmbedOptions& options)>& embed) {
  output.tell_warning(messages);
  options.progress = [&](std::uint64_t done, std::optional<std::uint64_t>) {
    output.tell_notes(messages);
    progress.update(done);
    return true;
  };
  options.failed = [&](const Outcome& outcome) { messages.error(outcome.failure->message); };
  options.stop_at_failure = job.flags.on_error == OnError::fail;
  options.failure_limit = failure_limit(job.flags.max_errors, "raise it and go on with --resume");
  options.stop = [] { return stop_signal() != 0; };
  options.leave_threads = leave_threads;
  struct Notes {  // also before an error
    const JobOutput& output;
    Messages& messages;
    ~Notes() { output.tell_notes(messages); }
  };
  {
    const Notes notes{output, messages};
    unless_stopped([&] { embed(output.sink(), options); });
  }
  messages.clear_status();
  return end_job(output, job, messages);
}

int end_before_start(const JobRequest& job, Messages& messages) {
  return tell_end({}, stop_signal(), "", job, messages);
}

}  // namespace llm2clip::cli
