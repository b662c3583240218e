#include "store/run/output_digest.h"

#include <algorithm>
#include <vector>

#include "base/sha256.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;

// In the order of their names.
std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

std::uint64_t bytes_of_output(const fs::path& path) {
  if (!fs::is_directory(path)) return fs::file_size(path);
  std::uint64_t bytes = 0;
  for (const fs::path& file : files_in(path)) bytes += fs::file_size(file);
  return bytes;
}

OutputDigest digest_of_output(const fs::path& path) {
  if (!fs::is_directory(path)) return {fs::file_size(path), sha256_of_file(path)};
  std::string list;
  for (const fs::path& file : files_in(path)) {
    list += sha256_of_file(file) + "  " + fs::relative(file, path).string() + "\n";
  }
  return {bytes_of_output(path), sha256_of(list)};
}

}  // namespace llm2clip
