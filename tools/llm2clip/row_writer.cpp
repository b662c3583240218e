#include "row_writer.h"

#include <algorithm>
#include <cmath>

#include "llm2clip/embeddings_file.h"

namespace llm2clip::cli {

RowWriter::RowWriter(const OutputFlags& flags) : flags_(flags) {
  if (!flags.path.empty()) check_embeddings_path(flags.path);
}

void RowWriter::add(std::span<const std::string> ids, const Embeddings& rows, InputPolicy& policy) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::span<const float> row = rows[i];
    if (!std::all_of(row.begin(), row.end(), [](float value) { return std::isfinite(value); })) {
      policy.failed(Error(ErrorKind::unreadable_input,
                          ids[i] + ": the model gives values that are not finite"));
      continue;
    }
    ++rows_;
    if (flags_.path.empty()) {
      output_.write(embedding_json(ids[i], row, stored_precision(flags_)) + "\n");
    } else {
      ids_.push_back(ids[i]);
      values_.insert(values_.end(), row.begin(), row.end());
    }
  }
  output_.flush();
}

void RowWriter::finish(std::vector<std::pair<std::string, std::string>> provenance,
                       std::size_t dim) {
  output_.flush();
  if (flags_.path.empty()) return;
  EmbeddingsFile content{Embeddings(rows_, dim), std::move(ids_), std::move(provenance)};
  for (std::size_t i = 0; i < rows_; ++i) {
    std::copy_n(values_.begin() + static_cast<std::ptrdiff_t>(i * dim), dim,
                content.embeddings[i].begin());
  }
  write_embeddings(flags_.path, content, stored_precision(flags_));
}

}  // namespace llm2clip::cli
