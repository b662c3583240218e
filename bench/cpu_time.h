#pragma once

#include <time.h>

namespace llm2clip::bench {

/// CPU time of this thread: what others do on the machine does not count.
inline double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace llm2clip::bench
