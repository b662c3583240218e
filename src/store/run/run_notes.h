#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

namespace llm2clip {

/// Lines for people about a run, each given once. Any thread may add and take.
class RunNotes {
 public:
  void add(const std::string& line);
  /// Those since the last call. Of many the first alone, and how many more there are in `folder`.
  std::vector<std::string> take(const std::filesystem::path& folder);

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
  std::size_t given_ = 0;
  std::uint64_t not_given_ = 0;
};

}  // namespace llm2clip
