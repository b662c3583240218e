#include "terminal/output.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <system_error>

#include "llm2clip/error.h"

namespace llm2clip::cli {
namespace {

constexpr std::size_t kPendingBytes = 1 << 16;

// False: `stop` says so, and there is none.
bool wait_for_room(int descriptor, const std::function<bool()>& stop) {
  pollfd one = {.fd = descriptor, .events = POLLOUT, .revents = 0};
  // What poll says of an error the next write says as well.
  if (!stop) return ::poll(&one, 1, -1) != 0;
  constexpr int kMilliseconds = 100;
  constexpr int kLast = 10;
  for (int waits = 0; ::poll(&one, 1, kMilliseconds) == 0;) {
    if (stop() && ++waits >= kLast) return false;
  }
  return true;
}

}  // namespace

int write_all(int descriptor, std::string_view text, const std::function<bool()>& stop) {
  while (!text.empty()) {
    if (stop && !wait_for_room(descriptor, stop)) return ECANCELED;
    // A pipe that has room takes so many without blocking.
    const std::size_t bytes = stop ? std::min<std::size_t>(text.size(), PIPE_BUF) : text.size();
    const ssize_t written = ::write(descriptor, text.data(), bytes);
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (!wait_for_room(descriptor, stop)) return ECANCELED;
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

void Output::write(std::string_view text) {
  pending_ += text;
  if (pending_.size() >= kPendingBytes) flush();
}

void Output::flush() {
  const int error = write_all(STDOUT_FILENO, pending_, stop_);
  if (error == ECANCELED) throw ReaderStalled();
  if (error == EPIPE) throw ReaderGone();
  if (error != 0) {
    throw Error(ErrorKind::io,
                "standard output: cannot be written: " + std::generic_category().message(error));
  }
  pending_.clear();
}

}  // namespace llm2clip::cli
