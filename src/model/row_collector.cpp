#include "model/row_collector.h"

#include <algorithm>
#include <utility>

namespace llm2clip {

RowCollector::RowCollector(Embeddings& result, const std::string& device)
    : result_(result), one_behind_(device != "cpu") {}

void RowCollector::add(const at::Tensor& batch, std::span<const std::size_t> rows) {
  Pending added{Readback(batch), {rows.begin(), rows.end()}};
  if (!one_behind_) return put(added);
  finish();
  pending_.emplace(std::move(added));
}

void RowCollector::finish() {
  if (pending_) put(*pending_);
  pending_.reset();
}

void RowCollector::put(const Pending& batch) {
  const std::size_t dim = result_.dim();
  std::vector<float> values(batch.rows.size() * dim);
  batch.readback.finish(values);
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(i * dim), dim,
                result_[batch.rows[i]].begin());
  }
}

}  // namespace llm2clip
