#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "llm2clip/run.h"
#include "store/run/chunk_file.h"

namespace llm2clip {

/// What was added to a run since its last commit: inputs that follow one another.
class PendingChunk {
 public:
  bool empty() const { return !content_; }
  /// How many inputs and rows there are.
  std::uint64_t inputs() const;
  std::uint64_t rows() const;

  /// Throws Error(invalid_argument) for an input that does not come behind all that were added.
  void check_order(const RunInput& input) const;
  /// Whether the chunk ends before the input: some in between are done already.
  bool ends_before(const RunInput& input) const;

  void add(const RunInput& input, std::span<const float> row);
  void fail(const RunInput& input, const RunFailure& failure);
  /// About the input that came last. Throws Error(invalid_argument) where there is none.
  void count(const std::string& what, std::uint64_t more);

  /// Whether it is large or old enough to be written.
  bool is_due(const RunOptions& options) const;
  /// The chunk with its rows of `dim` components, for writing.
  const Chunk& chunk(std::size_t dim);
  /// After it was written.
  void clear() { content_.reset(); }

 private:
  using Clock = std::chrono::steady_clock;

  struct Content {
    Chunk chunk;                // without rows but while it is written
    std::vector<float> values;  // of the rows
    std::size_t text_bytes;     // of ids and messages
    Clock::time_point since;    // the first input
  };

  // With the outcome of the input.
  Content& content_with(const RunInput& input, bool failed);

  std::optional<Content> content_;
  std::uint64_t least_next_ = 0;  // index of the next input, or more
};

}  // namespace llm2clip
