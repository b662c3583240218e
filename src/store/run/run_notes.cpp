#include "store/run/run_notes.h"

#include <utility>

namespace llm2clip {
namespace {

// Lines that are given one by one.
constexpr std::size_t kMostLines = 5;

}  // namespace

void RunNotes::add(const std::string& line) {
  const std::scoped_lock lock(mutex_);
  if (given_++ < kMostLines) {
    lines_.push_back(line);
  } else {
    ++not_given_;
  }
}

std::vector<std::string> RunNotes::take(const std::filesystem::path& folder) {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> lines = std::exchange(lines_, {});
  if (const auto more = std::exchange(not_given_, 0); more > 0) {
    lines.push_back(folder.string() + ": " + std::to_string(more) +
                    " more places changed or are damaged, and are made anew");
  }
  return lines;
}

}  // namespace llm2clip
