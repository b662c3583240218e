#include "terminal/output.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <thread>

#include "support/catch.h"

using llm2clip::cli::write_all;

namespace {

struct Pipe {
  int reader = -1;
  int writer = -1;

  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    reader = ends[0];
    writer = ends[1];
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    ::close(reader);
    ::close(writer);
  }
};

// Reads nothing before the pipe is full.
std::string read_when_full(const Pipe& pipe, std::size_t bytes) {
  const int capacity = ::fcntl(pipe.reader, F_GETPIPE_SZ);
  for (int held = 0; held < capacity; ::ioctl(pipe.reader, FIONREAD, &held))
    std::this_thread::yield();
  std::string text(bytes, ' ');
  std::size_t got = 0;
  while (got < bytes) {
    const ssize_t count = ::read(pipe.reader, text.data() + got, bytes - got);
    if (count <= 0) break;
    got += static_cast<std::size_t>(count);
  }
  text.resize(got);
  return text;
}

}  // namespace

TEST_CASE("a descriptor that does not block is waited for", "[tools][output]") {
  const Pipe pipe;
  const int flags = ::fcntl(pipe.writer, F_GETFL);
  REQUIRE(::fcntl(pipe.writer, F_SETFL, flags | O_NONBLOCK) == 0);
  std::string text;
  while (text.size() < 1'000'000) text += std::to_string(text.size()) + "\n";
  std::string read;
  std::thread reader([&] { read = read_when_full(pipe, text.size()); });
  CHECK(write_all(pipe.writer, text) == 0);
  reader.join();
  CHECK(read == text);
}

TEST_CASE("a reader that has gone is an error code", "[tools][output]") {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  ::close(pipe.reader);
  CHECK(write_all(pipe.writer, "x") == EPIPE);
  CHECK(write_all(-1, "x") == EBADF);
  CHECK(write_all(-1, "") == 0);
  pipe.reader = -1;
  std::signal(SIGPIPE, before);
}
