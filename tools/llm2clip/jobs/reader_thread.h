#pragma once

#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <thread>
#include <utility>

namespace llm2clip::cli {

/// A thread that reads inputs and may wait for standard input for ever, which nothing can end but
/// the process. So it is given a moment at the end, and then left alone with what it shares.
class ReaderThread {
 public:
  /// `read` runs in the thread and owns what it needs.
  template <typename Read>
  explicit ReaderThread(Read read) {
    std::packaged_task<void()> task(std::move(read));
    result_ = task.get_future();
    thread_ = std::thread(std::move(task));
  }
  ReaderThread(const ReaderThread&) = delete;
  ReaderThread& operator=(const ReaderThread&) = delete;

  ~ReaderThread() {
    if (!result_.valid() || result_.wait_for(std::chrono::milliseconds(200)) ==
                                std::future_status::ready) {
      thread_.join();
    } else {
      thread_.detach();
    }
  }

  /// After it has handed over its last item: throws what it ended with.
  void rethrow() {
    if (result_.valid()) result_.get();
  }

 private:
  std::future<void> result_;
  std::thread thread_;
};

}  // namespace llm2clip::cli
