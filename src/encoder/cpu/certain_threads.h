#pragma once

namespace llm2clip {

/// While it lives, what LibTorch computes in this thread has as many threads as it was planned for.
///
/// Note [Certain threads]: oneDNN, MKL and forward_in_passes plan for omp_get_max_threads()
/// threads, and oneDNN leaves the share of a thread that does not come undone: rows are wrong, and
/// nothing tells. OpenMP promises no such number. OMP_DYNAMIC and omp_set_dynamic() leave it to the
/// load of the machine, OMP_THREAD_LIMIT and OMP_MAX_ACTIVE_LEVELS bound it, and libgomp ends the
/// process when it cannot make a thread. So whatever plans does it inside of such an object: the
/// choice is off, and the number is what a team was seen to have under these settings. All settings
/// are this thread's own and are put back; none of the process or of another thread is touched.
///
/// Inside of a parallel region everything computes in the thread that calls, and knows it.
class CertainThreads {
 public:
  /// Throws Error(unavailable) where threads that set_threads() asked for cannot be made.
  CertainThreads();
  ~CertainThreads();
  CertainThreads(const CertainThreads&) = delete;
  CertainThreads& operator=(const CertainThreads&) = delete;

 private:
  bool outermost_;
  int dynamic_before_ = 0;
  int threads_before_ = 0;
  int mkl_threads_before_ = 0;
};

/// For how many threads work is planned in this one.
int planned_threads();

/// Plans for so many from here on: in a thread of a team as the thread that leads it does, so that
/// a row has the same bits in each of them. Holds until the team, or the CertainThreads around
/// it, is done.
void plan_in_team(int threads);

}  // namespace llm2clip
