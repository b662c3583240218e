#include "process.h"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <ios>

namespace llm2clip::cli {

namespace {

// The C library keeps what a thread freed for that thread: with one heap for each of twelve decoders
// that is twelve pictures, whatever --decode-memory says.
void share_heaps() {
#if defined(__GLIBC__)
  if (std::getenv("MALLOC_ARENA_MAX") == nullptr) ::mallopt(M_ARENA_MAX, 2);
#endif
}

}  // namespace

void prepare_process() {
  share_heaps();
  for (int descriptor = 0; descriptor < 3; ++descriptor) {
    // Opened for reading: what is written there still fails, as the caller of the program asked.
    if (::fcntl(descriptor, F_GETFD) == -1) static_cast<void>(::open("/dev/null", O_RDONLY));
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  std::ios::sync_with_stdio(false);  // reading lists and texts from standard input, fast
  std::setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
}

void limit_spinning() {
  for (const char* name : {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}) {
    if (std::getenv(name) != nullptr) return;
  }
  ::setenv("GOMP_SPINCOUNT", "1000", 1);
}

std::string usage_message(const CLI::App& app, const CLI::ParseError& error) {
  const auto chosen = app.get_subcommands();
  const std::string command = chosen.empty() ? "llm2clip" : "llm2clip " + chosen[0]->get_name();
  const std::string hint = "; see " + command + " --help";
  const bool has_rest = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
  const std::vector<std::string> rest = app.remaining(true);
  if (!has_rest || rest.empty()) {
    const std::string words = error.what();
    return words.substr(0, words.find('\n')) + hint;
  }
  if (rest[0].starts_with("-")) return rest[0] + ": unknown flag" + hint;
  return rest[0] + (chosen.empty() ? ": unknown command" : ": unexpected argument") + hint;
}

}  // namespace llm2clip::cli
