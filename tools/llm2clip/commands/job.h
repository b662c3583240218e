#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "commands/job_output.h"
#include "flags/args.h"
#include "llm2clip/embed.h"
#include "llm2clip/run.h"
#include "terminal/messages.h"
#include "terminal/progress.h"
#include "terminal/stop_signals.h"

namespace llm2clip::cli {

/// "12 embedded, 1 failed, 2 longer than 512 tokens and cut, 4096 done earlier". `longest`: tokens
/// that a text may have, 0 for images.
std::string summary_line(const RunSummary& summary, int longest);

/// What --max-errors allows. `advice`: what to do where more fail, "raise it".
FailureLimit failure_limit(const MaxErrors& most, const std::string& advice);

/// What a job was asked for.
struct JobRequest {
  const OutputFlags& output;
  const JobFlags& flags;
  int longest = 0;  ///< tokens that a text may have, 0 for images
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
};

/// Runs `step`, which cancels itself when a signal asks for a stop. False: it did.
template <typename Step>
bool unless_stopped(const Step& step) {
  try {
    step();
    return true;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::cancelled) throw;
    return false;
  }
}

/// Embeds the inputs of a job and says the last words: finishes its output, or commits it where a
/// signal asked for a stop, and tells what became of the inputs. Returns the exit code.
/// `options` are those that have nothing to do with jobs; `embed(sink, options)` calls embed_images
/// or embed_texts.
int run_job(JobOutput& output, const JobRequest& job, Progress& progress, Messages& messages,
            EmbedOptions options,
            const std::function<void(const EmbedSink& sink, const EmbedOptions& options)>& embed);

/// The same where a signal asked for a stop before the output was begun.
int end_before_start(const JobRequest& job, Messages& messages);

}  // namespace llm2clip::cli
