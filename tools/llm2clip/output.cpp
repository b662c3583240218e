#include "output.h"

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <system_error>

#include "llm2clip/error.h"

namespace llm2clip::cli {
namespace {

constexpr std::size_t kPendingBytes = 1 << 16;

}  // namespace

void Output::write(std::string_view text) {
  pending_ += text;
  if (pending_.size() >= kPendingBytes) flush();
}

void Output::flush() {
  std::string_view rest = pending_;
  while (!rest.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EPIPE) throw ReaderGone();
    if (written < 0) {
      throw Error(ErrorKind::io,
                  "standard output: cannot be written: " + std::generic_category().message(errno));
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  pending_.clear();
}

}  // namespace llm2clip::cli
