#include "encoder/archive/archive.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "llm2clip/error.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/tiny_model.h"

namespace llm2clip {
namespace {

using testing::error_of;

// A file without blocks on the disk.
std::filesystem::path sparse_file(const testing::Scratch& folder, std::uintmax_t bytes) {
  const std::filesystem::path path = folder.path() / "text.pt";
  std::ofstream{path};
  std::filesystem::resize_file(path, bytes);
  return path;
}

TEST_CASE("a file is mapped whole, and writes do not reach it", "[encoder][archive]") {
  const testing::Scratch folder;
  const auto path = folder.path() / "text.pt";
  std::ofstream(path) << "weights";
  {
    const ArchiveBytes file(path);
    REQUIRE(file.size() == 7);
    file.data()[0] = std::byte{'W'};
    CHECK(file.bytes()[0] == std::byte{'W'});
  }
  std::string content;
  std::ifstream(path) >> content;
  CHECK(content == "weights");
}

TEST_CASE("files that cannot hold a model are bad models", "[encoder][archive]") {
  const testing::Scratch folder;
  for (const auto& path : {folder.path() / "missing", folder.path(), sparse_file(folder, 0)}) {
    const Error error = error_of([&] { ArchiveBytes file(path); });
    CHECK(error.kind() == ErrorKind::bad_model);
    CHECK_THAT(error.what(), Catch::Matchers::StartsWith(path.string() + ": "));
  }
}

#if !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)  // they need addresses themselves
TEST_CASE("a file that gets no addresses is no bad model", "[encoder][archive][memory]") {
  const testing::Scratch folder;
  const std::filesystem::path path = sparse_file(folder, std::uintmax_t{1} << 30);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_AS, &before) == 0);
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  rlimit tight = before;
  // Room for what an exception takes, and not for the file.
  tight.rlim_cur = pages * static_cast<std::size_t>(::getpagesize()) + (std::size_t{1} << 28);
  REQUIRE(::setrlimit(RLIMIT_AS, &tight) == 0);
  std::optional<Error> error;
  try {
    const ArchiveBytes file(path);
  } catch (const Error& thrown) {
    error = thrown;
  }
  REQUIRE(::setrlimit(RLIMIT_AS, &before) == 0);
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::out_of_memory);
  CHECK_THAT(error->what(), Catch::Matchers::Contains("cannot be mapped: ") &&
                                Catch::Matchers::Contains("ulimit -v"));
  CHECK(ArchiveBytes(path).size() == std::size_t{1} << 30);  // and with the limit gone it is read
}
#endif

}  // namespace
}  // namespace llm2clip
