#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <system_error>
#include <thread>
#include <utility>

#include "llm2clip/error.h"

namespace llm2clip {

/// Throws Error(unavailable) where the system makes no more threads.
template <typename Work>
std::thread start_thread(Work work) {
  try {
    return std::thread(std::move(work));
  } catch (const std::system_error& error) {
    throw Error(ErrorKind::unavailable, "threads: the system makes no more of them (" +
                                            error.code().message() +
                                            "); raise its limit (ulimit -u), or ask for fewer");
  }
}

/// A thread of a call that can be stopped in the middle of what nothing can end.
///
/// Note [Threads left behind]: a thread that waits for standard input or a FIFO, or cuts 60 MB of
/// text into tokens, ends when it is done and not before. A program that stays waits for it. One
/// that is to end, by Ctrl-C, does not: it sets EmbedOptions::leave_threads, the thread is given a
/// moment at the end, and then left alone. It may go on reading whatever it could reach: what
/// `work` uses it therefore owns, together with others, and no part of that is destroyed while it
/// runs. The process then ends by _exit, after its last word, because exit() would destroy what no
/// thread can own: the statics of LibTorch and of the standard library.
class JobThread {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kMoment{200};

  /// `work` runs in the thread and owns what it uses. `leave` as EmbedOptions::leave_threads.
  /// Throws as start_thread.
  template <typename Work>
  JobThread(Work work, std::function<void()> leave) : leave_(std::move(leave)) {
    std::packaged_task<void()> task(std::move(work));
    result_ = task.get_future();
    thread_ = start_thread(std::move(task));
  }
  JobThread(const JobThread&) = delete;
  JobThread& operator=(const JobThread&) = delete;

  /// Waits for the thread; a moment, where it may be left behind.
  ~JobThread() { end_by(Clock::now() + kMoment); }

  /// The same for a moment that several threads have together.
  void end_by(Clock::time_point moment) {
    if (!thread_.joinable()) return;
    if (!leave_ || result_.wait_until(moment) == std::future_status::ready) {
      thread_.join();
    } else {
      leave_();
      thread_.detach();
    }
  }

  /// After it has handed over its last item: throws what it ended with.
  void rethrow() {
    if (!result_.valid()) return;
    // The thread lets go of the exception at its very end, and libstdc++ counts who holds one where
    // ThreadSanitizer does not see it.
    thread_.join();
    result_.get();
  }

 private:
  std::function<void()> leave_;
  std::future<void> result_;
  std::thread thread_;
};

}  // namespace llm2clip
