#include "encoder/adapter.h"

#include <utility>

namespace llm2clip {

Adapter::Adapter(TorchModule module, std::size_t embedding_size)
    : module_(std::move(module)), embedding_size_(embedding_size) {}

at::Tensor Adapter::operator()(const at::Tensor& captions) const {
  at::Tensor embeddings = module_.forward(captions);
  module_.expect_shape(embeddings, {captions.size(0), static_cast<std::int64_t>(embedding_size_)});
  return embeddings;
}

}  // namespace llm2clip
