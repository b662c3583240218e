#include "store/atomic_file.h"

#include <sys/resource.h>

#include <csignal>
#include <string>

#include "store/scratch.h"
#include "support/catch.h"
#include "support/error.h"

namespace llm2clip {
namespace {

using testing::content_of;
using testing::error_of;
using testing::put;
using testing::Scratch;

// Lets files grow to `bytes` and no further while it lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_CASE("a file has its name only after commit", "[store][atomic_file]") {
  const Scratch scratch;
  AtomicFile file(scratch / "a.txt");
  file.write("hello ");
  file.write("world");
  file.overwrite(0, "H");
  CHECK_FALSE(std::filesystem::exists(scratch / "a.txt"));
  file.commit();
  CHECK(content_of(scratch / "a.txt") == "Hello world");
  CHECK(scratch.files() == 1);
}

TEST_CASE("a file that is given up leaves what was there before", "[store][atomic_file]") {
  const Scratch scratch;
  put(scratch / "a.txt", "before");
  {
    AtomicFile file(scratch / "a.txt");
    file.write("half of the new con");
  }
  CHECK(content_of(scratch / "a.txt") == "before");
  CHECK(scratch.files() == 1);
}

TEST_CASE("a full disk is an io error that names the file", "[store][atomic_file]") {
  const Scratch scratch;
  const FileSizeLimit limit(1000);
  const Error error = error_of([&] {
    AtomicFile file(scratch / "a.txt");
    file.write(std::string(5000, 'x'));
    file.commit();
  });
  CHECK(error.kind() == ErrorKind::io);
  CHECK(std::string(error.what()) ==
        (scratch / "a.txt").string() + ": cannot be written: File too large");
  CHECK(scratch.files() == 0);
}

TEST_CASE("a missing folder and a folder in the way are io errors", "[store][atomic_file]") {
  const Scratch scratch;
  CHECK(error_of([&] { AtomicFile file(scratch / "no/a.txt"); }).kind() == ErrorKind::io);

  std::filesystem::create_directory(scratch / "a.txt");
  const Error error = error_of([&] {
    AtomicFile file(scratch / "a.txt");
    file.commit();
  });
  CHECK(std::string(error.what()).find("cannot be put in place: Is a directory") !=
        std::string::npos);
  CHECK(scratch.files() == 1);
}

}  // namespace
}  // namespace llm2clip
