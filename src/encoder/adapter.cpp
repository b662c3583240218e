#include "encoder/adapter.h"

#include <utility>

#include "encoder/cpu/certain_threads.h"
#include "encoder/passes.h"

namespace llm2clip {

Adapter::Adapter(TorchModule module, std::size_t dim) : module_(std::move(module)), dim_(dim) {}

at::Tensor Adapter::operator()(const at::Tensor& captions) const {
  const CertainThreads threads;
  const at::Tensor rows = fill_up_rows(captions, least_rows(1));
  const at::Tensor embeddings = module_.forward(rows);
  module_.expect_shape(embeddings, {rows.size(0), static_cast<std::int64_t>(dim_)});
  return embeddings.narrow(0, 0, captions.size(0));
}

}  // namespace llm2clip
