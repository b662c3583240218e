#include "model/second_team.h"

#include <cstdlib>
#include <system_error>

#include "encoder/cpu/certain_threads.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

bool environment_decides() {
  return std::getenv("GOMP_SPINCOUNT") != nullptr || std::getenv("OMP_WAIT_POLICY") != nullptr;
}

}  // namespace

SecondTeam::SecondTeam() {
  if (environment_decides()) return;
  try {
    thread_ = std::thread([this] {
      try {
        const CertainThreads team;  // makes the threads, where the system has them
        end_.wait();
      } catch (const Error&) {
      }
    });
  } catch (const std::system_error&) {
  }
}

SecondTeam::~SecondTeam() {
  end_.count_down();
  if (thread_.joinable()) thread_.join();
}

}  // namespace llm2clip
