#include "encoder/cpu/certain_threads.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <exception>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"
#include "encoder/cpu/parallel.h"
#include "llm2clip/error.h"
#include "llm2clip/threads.h"

#ifdef _OPENMP
#include <omp.h>
#else
// A compiler without the OpenMP of LibTorch (parallel.h) can ask nothing and change nothing.
namespace {
int omp_in_parallel() { return 1; }
int omp_get_thread_limit() { return 1; }
int omp_get_dynamic() { return 0; }
int omp_get_max_active_levels() { return 1; }
int omp_get_max_threads() { return 1; }
int omp_get_num_threads() { return 1; }
void omp_set_dynamic(int) {}
void omp_set_num_threads(int) {}
}  // namespace
#endif

// Of the calling thread; 0: as for all threads. Returns what it was. LibTorch brings MKL along, or
// not.
extern "C" int MKL_Set_Num_Threads_Local(int threads) __attribute__((weak));

namespace llm2clip {
namespace {

std::atomic<int> asked = 0;  // by set_threads(); 0: LibTorch's number

thread_local bool is_certain = false;
// The last team that this thread has led: each thread has a pool of its own, of which OpenMP keeps
// what the last team needed.
thread_local int last_team = 1;

// The kernel counts a thread for a moment longer than pthread_join waits.
void wait_until_gone(pid_t thread) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (::syscall(SYS_tgkill, ::getpid(), thread, 0) == 0 &&
         std::chrono::steady_clock::now() < give_up) {
    std::this_thread::yield();
  }
}

// How many of `wanted` threads the system lets live at once beside those that there are.
int threads_to_be_had(int wanted) {
  std::latch all_made(1);
  std::vector<pid_t> ids(static_cast<std::size_t>(wanted));
  std::vector<std::thread> threads;
  threads.reserve(ids.size());
  try {
    for (pid_t& id : ids) {
      threads.emplace_back([&all_made, &id] {
        id = static_cast<pid_t>(::syscall(SYS_gettid));
        all_made.wait();
      });
    }
  } catch (const std::exception&) {  // no more than these, for want of threads or of memory
  }
  all_made.count_down();
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < threads.size(); ++i) wait_until_gone(ids[i]);
  return static_cast<int>(threads.size());
}

// Asked beforehand, because libgomp ends the process where a thread cannot be made.
int bound_by_system(int threads, bool must_be_all) {
  if (threads <= last_team) return threads;
  const int made = last_team + threads_to_be_had(threads - last_team);
  if (made == threads) return threads;
  if (must_be_all) {
    throw Error(ErrorKind::unavailable,
                "threads: " + std::to_string(threads) + " were asked for, and the system gives " +
                    std::to_string(made) + "; raise its limit (ulimit -u), or ask for fewer");
  }
  log(LogLevel::warning, [&] {
    return "computes with " + std::to_string(made) + " of " + std::to_string(threads) +
           " threads: the system gives no more (ulimit -u)";
  });
  return made;
}

// When it is first asked in a thread, LibTorch sets that thread's number, and would set ours aside.
// Both LibTorch and this library remember whether it was: the function that does is inline.
int torch_threads() {
  at::internal::lazy_init_num_threads();
  return at::get_num_threads();
}

int team_size() {
  int size = 1;
#pragma omp parallel
  {
#pragma omp master
    size = omp_get_num_threads();
  }
  return size;
}

// Sets the number of threads to one that a team really has. Seen once, where nothing but these
// settings decides it; a limit may be shared with teams of other threads.
void settle(int threads) {
  thread_local struct {
    int threads, levels, size;
  } seen = {0, 0, 0};
  const int levels = omp_get_max_active_levels();
  if (seen.threads == threads && seen.levels == levels && omp_get_thread_limit() == INT_MAX) {
    omp_set_num_threads(seen.size);
    return;
  }
  seen = {threads, levels, 0};
  omp_set_num_threads(threads);
  for (int team = 1; threads > 1 && (team = team_size()) < threads;) {
    threads = team;
    omp_set_num_threads(threads);
  }
  last_team = seen.size = threads;
}

}  // namespace

CertainThreads::CertainThreads() : outermost_(!is_certain && omp_in_parallel() == 0) {
  if (!outermost_) return;
  const int chosen = asked;
  const int callers = omp_get_max_threads();
  // Kept where it is the number to compute with, so that the next call gets the same.
  const int torchs = torch_threads();
  const int wanted = chosen > 0 ? chosen : std::min(torchs, kMostThreads);
  const int allowed = std::clamp(omp_get_thread_limit(), 1, wanted);
  const int threads = bound_by_system(allowed, chosen > 0);
  dynamic_before_ = omp_get_dynamic();
  threads_before_ = chosen > 0 ? callers : torchs;
  omp_set_dynamic(0);
  settle(threads);
  if (MKL_Set_Num_Threads_Local != nullptr) {
    mkl_threads_before_ = MKL_Set_Num_Threads_Local(omp_get_max_threads());
  }
  is_certain = true;
}

CertainThreads::~CertainThreads() {
  if (!outermost_) return;
  is_certain = false;
  if (MKL_Set_Num_Threads_Local != nullptr) MKL_Set_Num_Threads_Local(mkl_threads_before_);
  omp_set_num_threads(threads_before_);
  omp_set_dynamic(dynamic_before_);
}

int planned_threads() { return omp_get_max_threads(); }

void plan_in_team(int threads) {
  torch_threads();
  omp_set_num_threads(threads);
}

void set_threads(int threads) {
  if (threads < 1 || threads > kMostThreads) {
    throw Error(ErrorKind::invalid_argument, "threads: expected 1 to " +
                                                 std::to_string(kMostThreads) + ", got " +
                                                 std::to_string(threads));
  }
  asked = threads;
}

}  // namespace llm2clip
