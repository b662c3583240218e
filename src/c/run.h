#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <utility>

#include "llm2clip/c/llm2clip.h"
#include "llm2clip/run.h"

namespace llm2clip::c {

/// A run, and the inputs that were taken and have neither row nor failure yet: C knows them by
/// their index alone.
struct OpenRun {
  OpenRun(const std::filesystem::path& output, RunOptions options)
      : run(output, std::move(options)) {}

  void keep(RunInput input);
  /// The oldest one, which `index` must name. Throws Error(invalid_argument).
  RunInput next(std::uint64_t index);
  /// That one has a row, or a failure.
  void done();

  Run run;
  std::atomic<bool> finished = false;

 private:
  std::mutex mutex_;  // one thread takes while another adds
  std::deque<RunInput> taken_;
};

/// For what may be done until the run is finished. Throws Error(invalid_argument).
std::shared_ptr<OpenRun> open_run_of(const llm2clip_run* run);

/// More seconds than a clock can add are all the same.
std::chrono::seconds seconds_of(std::uint64_t seconds);

}  // namespace llm2clip::c
