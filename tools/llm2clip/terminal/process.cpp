#include "terminal/process.h"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <streambuf>

namespace llm2clip::cli {

namespace {

// Standard input, waited for where it does not block: whoever shares it may have set O_NONBLOCK.
class StandardInput final : public std::streambuf {
 protected:
  int_type underflow() override {
    for (;;) {
      const ssize_t count = ::read(STDIN_FILENO, bytes_.data(), bytes_.size());
      if (count > 0) {
        setg(bytes_.data(), bytes_.data(), bytes_.data() + count);
        return traits_type::to_int_type(bytes_.front());
      }
      if (count == 0) return traits_type::eof();
      if (errno == EAGAIN || errno == EWOULDBLOCK) {
        pollfd one = {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
        ::poll(&one, 1, -1);
      } else if (errno != EINTR) {
        throw std::ios_base::failure("read");  // which a stream takes for badbit
      }
    }
  }

 private:
  std::array<char, 1 << 16> bytes_{};
};

// The C library keeps what a thread freed for that thread: with one heap for each of twelve
// decoders that is twelve images, whatever --decode-memory says.
void share_heaps() {
#if defined(__GLIBC__)
  // Before there is a second thread. NOLINTNEXTLINE(concurrency-mt-unsafe)
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
  // Never destroyed: Note [Threads left behind].
  std::cin.rdbuf(new StandardInput);
  // Before there is a second thread. NOLINTBEGIN(concurrency-mt-unsafe)
  std::setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
  // NOLINTEND(concurrency-mt-unsafe)
}

void limit_spinning() {
  for (const char* name : {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}) {
    if (std::getenv(name) != nullptr) return;
  }
  // Before there is a second thread. NOLINTNEXTLINE(concurrency-mt-unsafe)
  ::setenv("GOMP_SPINCOUNT", "1000", 1);
}

void end_at_once(int code) { ::_exit(code); }

std::string usage_message(const CLI::App& app, const CLI::ParseError& error) {
  // A command may have commands of its own.
  std::string command = "llm2clip";
  auto chosen = app.get_subcommands();
  for (auto next = chosen; !next.empty(); next = chosen[0]->get_subcommands()) {
    chosen = next;
    command += " " + chosen[0]->get_name();
  }
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
