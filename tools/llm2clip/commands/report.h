#pragma once

#include <chrono>
#include <string>

#include "flags/args.h"
#include "jobs/results.h"
#include "llm2clip/run.h"
#include "terminal/messages.h"

namespace llm2clip::cli {

/// "12 embedded, 1 failed, 2 longer than 512 tokens and cut, 4096 done earlier". `longest`: tokens
/// that a text may have, 0 for images.
std::string summary_line(const RunSummary& summary, int longest);

/// What a job was asked for.
struct JobRequest {
  const OutputFlags& output;
  const JobFlags& flags;
  int longest = 0;  ///< tokens that a text may have, 0 for images
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
};

/// The last words of a job: finishes `results`, or commits them where a signal asked for a stop,
/// and tells what became of the inputs. Returns the exit code.
int end_job(Results& results, const JobRequest& job, Messages& messages);

/// The same where a signal asked for a stop before the output was begun.
int end_before_start(const JobRequest& job, Messages& messages);

}  // namespace llm2clip::cli
