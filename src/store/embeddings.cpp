#include "llm2clip/embeddings.h"

#include <cstdint>
#include <string>

#include "base/errors_only.h"

namespace llm2clip {

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

}  // namespace llm2clip
