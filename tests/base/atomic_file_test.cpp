#include "base/atomic_file.h"

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <deque>
#include <string>

#include "support/catch.h"
#include "support/error.h"
#include "support/scratch.h"

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

TEST_CASE("what another process of the same number left behind is in nobody's way",
          "[store][atomic_file]") {
  const Scratch scratch;
  for (int i = 0; i < 3000; ++i) {
    put(scratch / (".llm2clip-" + std::to_string(::getpid()) + "-" + std::to_string(i) + ".tmp"),
        "");
  }
  AtomicFile file(scratch / "a.txt");
  file.write("content");
  file.commit();
  CHECK(content_of(scratch / "a.txt") == "content");
  CHECK(scratch.files() == 3001);
}

TEST_CASE("files that are written at once have names of their own", "[store][atomic_file]") {
  const Scratch scratch;
  std::deque<AtomicFile> files;
  for (int i = 0; i < 200; ++i) files.emplace_back(scratch / "a.txt");
  CHECK(scratch.files() == 200);
  files.back().write("last");
  files.back().commit();
  files.clear();
  CHECK(content_of(scratch / "a.txt") == "last");
  CHECK(scratch.files() == 1);
}

TEST_CASE("a name that is a link is written where it leads, there or not", "[store][atomic_file]") {
  namespace fs = std::filesystem;
  const Scratch scratch;
  fs::create_directories(scratch / "far/farther");
  fs::create_symlink("far/two", scratch / "one");
  fs::create_symlink("farther/three", scratch / "far/two");
  fs::create_symlink(scratch / "far/file", scratch / "far/farther/three");
  const auto write = [&](const std::string& content) {
    AtomicFile file(scratch / "one", scratch.path());
    file.write(content);
    // On the file system of the file, which need not be that of the link.
    CHECK(fs::equivalent(file.close().parent_path(), scratch / "far"));
    file.commit();
    CHECK(content_of(scratch / "far/file") == content);
    CHECK(fs::is_regular_file(fs::symlink_status(scratch / "far/file")));
    for (const char* link : {"one", "far/two", "far/farther/three"}) {
      CHECK(fs::is_symlink(scratch / link));
    }
  };
  write("new");
  write("replaced");

  fs::create_symlink("no folder/file", scratch / "nowhere");
  CHECK(error_of([&] { AtomicFile file(scratch / "nowhere"); }).kind() == ErrorKind::io);
  fs::create_symlink("b", scratch / "a");
  fs::create_symlink("a", scratch / "b");
  const Error error = error_of([&] { AtomicFile file(scratch / "a"); });
  CHECK(error.kind() == ErrorKind::io);
  CHECK(std::string(error.what()) ==
        (scratch / "a").string() + ": is a link that leads back to itself");
}

}  // namespace
}  // namespace llm2clip
