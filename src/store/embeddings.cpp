#include "llm2clip/embeddings.h"

#include <cstdint>
#include <string>
#include <utility>

#include "base/errors_only.h"

namespace llm2clip {
namespace {

void check_count(std::size_t rows, std::size_t dim, std::size_t count) {
  // Divided, because the product may not fit.
  if (dim == 0 ? count == 0 : count % dim == 0 && count / dim == rows) return;
  throw Error(ErrorKind::invalid_argument, "values: " + std::to_string(count) + " values, " +
                                               std::to_string(rows) + " rows of " +
                                               std::to_string(dim) + " are expected");
}

}  // namespace

Embeddings::Embeddings(std::size_t rows, std::size_t dim) : rows_(rows), dim_(dim) {
  constexpr std::size_t kMost = PTRDIFF_MAX / sizeof(float);
  // Divided, because the product may not fit.
  if (dim > 0 && rows > kMost / dim) {
    throw Error(ErrorKind::out_of_memory, "embeddings: memory does not suffice for " +
                                              std::to_string(rows) + " rows of " +
                                              std::to_string(dim) + " components");
  }
  errors_only("embeddings", [&] { values_.resize(rows * dim); });
}

Embeddings::Embeddings(std::size_t rows, std::size_t dim, std::vector<float> values)
    : rows_(rows), dim_(dim), values_(std::move(values)) {
  check_count(rows, dim, values_.size());
}

EmbeddingsView::EmbeddingsView(std::size_t rows, std::size_t dim, std::span<const float> values)
    : rows_(rows), dim_(dim), values_(values) {
  check_count(rows, dim, values.size());
}

}  // namespace llm2clip
