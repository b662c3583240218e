#include "base/file_hash.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "base/log.h"
#include "base/sha256.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

// Smaller files are hashed every time: it costs less than 40 ms.
constexpr std::uintmax_t kRecordedFrom = 64 << 20;

// What changes whenever somebody writes to the file; empty when the file cannot be looked at.
std::string stamp_of(const std::filesystem::path& path) {
  struct stat s{};
  if (::stat(path.c_str(), &s) != 0) return {};
  std::string stamp;
  for (const auto value :
       {static_cast<long long>(s.st_dev), static_cast<long long>(s.st_ino),
        static_cast<long long>(s.st_size), static_cast<long long>(s.st_mtim.tv_sec),
        static_cast<long long>(s.st_mtim.tv_nsec), static_cast<long long>(s.st_ctim.tv_sec),
        static_cast<long long>(s.st_ctim.tv_nsec)}) {
    stamp += std::to_string(value) + " ";
  }
  return stamp;
}

std::filesystem::path record_path(const std::string& sha256) {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  if (cache && *cache) return std::filesystem::path(cache) / "llm2clip" / "hashed" / sha256;
  if (home && *home) return std::filesystem::path(home) / ".cache" / "llm2clip" / "hashed" / sha256;
  return {};
}

bool is_recorded(const std::string& stamp, const std::string& sha256) {
  std::ifstream file(record_path(sha256));
  std::string line;
  while (std::getline(file, line)) {
    if (line == stamp) return true;
  }
  return false;
}

// A record that cannot be written only costs time at the next load, so failures are not errors.
void record(const std::string& stamp, const std::string& sha256) {
  const std::filesystem::path path = record_path(sha256);
  if (path.empty()) return;
  std::error_code ignored;
  std::filesystem::create_directories(path.parent_path(), ignored);
  std::ofstream(path, std::ios::app) << stamp << "\n";
}

void check_equal(const std::filesystem::path& path, const std::string& actual,
                 const std::string& expected) {
  if (actual == expected) return;
  throw Error(ErrorKind::bad_model, path.string() + ": SHA-256 is " + actual +
                                        ", llm2clip.json says " + expected +
                                        "; the file is damaged or of another export");
}

}  // namespace

void check_sha256(const StoredFile& file, const std::string& expected, bool always,
                  const std::function<void()>& before_block) {
  const std::filesystem::path& path = file.path;
  if (file.bytes) return check_equal(path, sha256_of_bytes(*file.bytes, before_block), expected);
  const std::string stamp = stamp_of(path);
  std::error_code ignored;
  const bool large = std::filesystem::file_size(path, ignored) >= kRecordedFrom;
  if (large && !always && is_recorded(stamp, expected)) {
    log(LogLevel::debug, [&] { return path.string() + ": SHA-256 taken from the record"; });
    return;
  }
  const Stopwatch stopwatch;
  check_equal(path, sha256_of_file(path, before_block), expected);
  log(LogLevel::debug, [&] { return path.string() + ": SHA-256 computed in " + stopwatch.text(); });
  // A file that changed while it was hashed has another stamp by now.
  if (large && stamp == stamp_of(path)) record(stamp, expected);
}

}  // namespace llm2clip
