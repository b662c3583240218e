#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "args.h"
#include "input_policy.h"
#include "llm2clip/embeddings.h"
#include "output.h"

namespace llm2clip::cli {

/// Takes embeddings block by block: to standard output as JSON lines at once, or to a file that is
/// written in the end.
class RowWriter {
 public:
  /// Throws Error(invalid_argument) or Error(io) when the file could not be written later.
  explicit RowWriter(const OutputFlags& flags);

  /// A row that is not finite is the failure of its input, and is not written.
  void add(std::span<const std::string> ids, const Embeddings& rows, InputPolicy& policy);
  /// `dim` is for a file without rows.
  void finish(std::vector<std::pair<std::string, std::string>> provenance, std::size_t dim);

  std::size_t rows() const { return rows_; }

 private:
  OutputFlags flags_;
  Output output_;
  std::size_t rows_ = 0;
  std::vector<std::string> ids_;  // of the file
  std::vector<float> values_;
};

}  // namespace llm2clip::cli
