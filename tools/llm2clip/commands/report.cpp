#include "jobs/report.h"

#include <nlohmann/json.hpp>
#include <span>

#include "llm2clip/embeddings_file.h"
#include "terminal/exit_code.h"
#include "terminal/json_output.h"
#include "terminal/stop_signals.h"

namespace llm2clip::cli {
namespace {

constexpr int kSignalBase = 128;  // what a shell adds to the signal that ended a process

void write_summary(const JobFlags& flags, const RunSummary& summary, double seconds,
                   int exit_code) {
  if (flags.summary.empty()) return;
  nlohmann::ordered_json object = {
      {"inputs", summary.inputs},   {"embedded", summary.embedded},
      {"failed", summary.failed},   {"failed_by_code", summary.failed_by_code},
      {"resumed", summary.resumed}, {"redone", summary.redone},
      {"seconds", seconds},         {"exit_code", exit_code}};
  for (const auto& [what, count] : summary.counts) object[what] = count;
  const std::string text = json_text(object, 2) + "\n";
  write_file(flags.summary,
             std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
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

}  // namespace

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

int end_job(Results& results, const JobRequest& job, Messages& messages) {
  const int signal = stop_signal();
  const RunSummary summary = signal == 0 ? results.finish() : results.stop();
  std::string rest;
  if (signal != 0 && !job.output.path.empty()) {
    rest = "; the same command with --resume goes on";
  } else if (!job.output.path.empty() && job.flags.shard.count > 1) {
    rest = "; llm2clip merge " + job.output.path + " joins the shards when all are done";
  }
  return tell_end(summary, signal, rest, job, messages);
}

int end_before_start(const JobRequest& job, Messages& messages) {
  return tell_end({}, stop_signal(), "", job, messages);
}

}  // namespace llm2clip::cli
