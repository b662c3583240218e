#include "index/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace llm2clip {

std::size_t processors() { return std::max(1u, std::thread::hardware_concurrency()); }

void for_each_item(std::size_t count, std::size_t threads,
                   const std::function<void(std::size_t, std::size_t)>& work) {
  std::atomic<std::size_t> next = 0;
  std::exception_ptr failure;
  std::mutex failing;
  const auto run = [&](std::size_t thread) {
    try {
      for (std::size_t at = next++; at < count; at = next++) work(thread, at);
    } catch (...) {
      const std::lock_guard lock(failing);
      failure = std::current_exception();
      next = count;
    }
  };
  {
    std::vector<std::jthread> others;
    try {
      for (std::size_t thread = 1; thread < threads; ++thread) others.emplace_back(run, thread);
    } catch (const std::system_error&) {
      // Fewer do the same.
    }
    run(0);
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace llm2clip
