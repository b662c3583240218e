#pragma once

#include <latch>
#include <thread>

namespace llm2clip {

/// While it lives, threads of LibTorch on a CPU that have nothing to compute go to sleep at once.
///
/// Note [Idle threads sleep]: between two passes of a network libgomp's threads spin for some
/// milliseconds, on the cores that decoders of low priority want: a folder of JPEG images took 1.3
/// times as much processor time. How long they spin is asked of the environment when libgomp is
/// loaded (GOMP_SPINCOUNT, which the command line sets), so a library comes too late. But libgomp
/// all but stops spinning while its teams have more threads together than there are processors.
/// A second team, which does nothing, makes it so. Where the environment says something, that
/// holds; other OpenMP libraries are not changed by it.
///
/// Made after the first pass, so that it takes no thread from the first team.
class SecondTeam {
 public:
  SecondTeam();
  SecondTeam(const SecondTeam&) = delete;
  SecondTeam& operator=(const SecondTeam&) = delete;
  ~SecondTeam();

 private:
  std::latch end_{1};
  std::thread thread_;  // none: not wanted, or the system makes no more
};

}  // namespace llm2clip
