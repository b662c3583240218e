#include "base/file_hash.h"

#include <stdlib.h>

#include <fstream>

#include "base/sha256.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/scratch.h"

using namespace llm2clip;
using namespace llm2clip::testing;
using Catch::Matchers::Contains;

TEST_CASE("sha256 gives the digests of FIPS 180-4", "[file_hash]") {
  CHECK(sha256_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const Scratch folder;
  std::ofstream(folder.path() / "abc") << "abc";
  CHECK(sha256_of_file(folder.path() / "abc") == sha256_of("abc"));
  CHECK(error_of([&] { sha256_of_file(folder.path() / "absent"); }).kind() == ErrorKind::io);
}

TEST_CASE("check_sha256 names both hashes", "[file_hash]") {
  const Scratch folder;
  std::ofstream(folder.path() / "abc") << "abd";
  const Error error =
      error_of([&] { check_sha256(folder.path() / "abc", sha256_of("abc"), false); });
  CHECK(error.kind() == ErrorKind::bad_model);
  CHECK_THAT(error.what(), Contains(sha256_of("abc")) && Contains(sha256_of("abd")));
}

TEST_CASE("a large file is hashed again after any change, even one that restores its time",
          "[file_hash]") {
  const Scratch folder;
  ::setenv("XDG_CACHE_HOME", (folder.path() / "cache").c_str(), 1);
  const auto file = folder.path() / "large";
  std::ofstream(file).close();
  std::filesystem::resize_file(file, 65 << 20);
  const std::string sha256 = sha256_of_file(file);

  check_sha256(file, sha256, false);
  CHECK(std::filesystem::exists(folder.path() / "cache" / "llm2clip" / "hashed" / sha256));
  check_sha256(file, sha256, false);

  const auto time = std::filesystem::last_write_time(file);
  std::fstream(file, std::ios::in | std::ios::out) << "x";
  std::filesystem::last_write_time(file, time);
  CHECK(error_of([&] { check_sha256(file, sha256, false); }).kind() == ErrorKind::bad_model);
  ::unsetenv("XDG_CACHE_HOME");
}
