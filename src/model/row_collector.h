#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "encoder/readback.h"
#include "llm2clip/embeddings.h"

namespace llm2clip {

/// Puts the rows of batches into the rows of the result that they belong to. A GPU is left one
/// batch behind: what it made comes back while it computes the next.
class RowCollector {
 public:
  /// `result` must outlive it.
  RowCollector(Embeddings& result, const std::string& device);

  /// batch  (B, N); `rows` are B indices into the result
  void add(const at::Tensor& batch, std::span<const std::size_t> rows);
  /// Waits for the last batch.
  void finish();

 private:
  struct Pending {
    Readback readback;
    std::vector<std::size_t> rows;
  };

  void put(const Pending& batch);

  Embeddings& result_;
  bool one_behind_;
  std::optional<Pending> pending_;
};

}  // namespace llm2clip
