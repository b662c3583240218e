#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <vector>

#include "llm2clip/c/llm2clip.h"
#include "llm2clip/index.h"

namespace llm2clip::c {

/// Lists of hits, and what llm2clip_hits_list lends of them.
class Hits {
 public:
  explicit Hits(std::vector<std::vector<IndexHit>> lists);
  Hits(const Hits&) = delete;  // the views lead into this object
  Hits& operator=(const Hits&) = delete;

  const std::vector<std::vector<llm2clip_index_hit>>& lists() const { return views_; }

 private:
  const std::vector<std::vector<IndexHit>> lists_;
  std::vector<std::vector<llm2clip_index_hit>> views_;
};

/// A writer, and the inputs that were taken and have neither row nor failure yet: C knows them by
/// their index alone.
struct OpenIndexWriter {
  OpenIndexWriter(const std::filesystem::path& path, const IndexOptions& options)
      : writer(path, options) {}

  void keep(const RunInput& input);
  /// Throws Error(invalid_argument) where there is none.
  RunInput input(std::uint64_t index);
  /// That one has a row, or a failure.
  void done(std::uint64_t index);

  IndexWriter writer;

 private:
  std::mutex mutex_;  // one thread takes while another adds
  std::map<std::uint64_t, RunInput> taken_;
};

}  // namespace llm2clip::c
