#include "terminal/stop_signals.h"

#include <unistd.h>

#include <atomic>
#include <csignal>

namespace llm2clip::cli {
namespace {

std::atomic<int> received = 0;
static_assert(std::atomic<int>::is_always_lock_free, "written to by a signal handler");

void on_signal(int signal) {
  int none = 0;
  if (!received.compare_exchange_strong(none, signal) && signal == SIGINT) ::_exit(128 + SIGINT);
}

}  // namespace

void catch_stop_signals() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before{};
    if (::sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    struct sigaction action{};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    ::sigaction(signal, &action, nullptr);
  }
}

int stop_signal() { return received; }

const char* name_of_signal(int signal) {
  if (signal == SIGINT) return "SIGINT";
  return signal == SIGTERM ? "SIGTERM" : "SIGHUP";
}

}  // namespace llm2clip::cli
