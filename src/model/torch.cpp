#include "llm2clip/torch.h"

#include <algorithm>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "encoder/cpu/certain_threads.h"
#include "encoder/pooling.h"
#include "encoder/rows.h"
#include "encoder/torch_errors.h"
#include "llm2clip/error.h"
#include "model/model_impl.h"

namespace llm2clip {
namespace {

[[noreturn]] void refuse_call(const std::string& message) {
  throw Error(ErrorKind::invalid_argument, message);
}

std::string shape_of(const at::Tensor& tensor) {
  std::string shape;
  for (const std::int64_t size : tensor.sizes()) {
    shape += (shape.empty() ? "(" : ", ") + std::to_string(size);
  }
  return shape.empty() ? "a scalar" : shape + ")";
}

void check_pixels(const at::Tensor& pixels, std::int64_t side) {
  const bool fits = pixels.defined() && pixels.dim() == 4 && pixels.size(1) == 3 &&
                    pixels.size(2) == side && pixels.size(3) == side;
  if (fits && pixels.is_floating_point()) return;
  const std::string wanted = "(B, 3, " + std::to_string(side) + ", " + std::to_string(side) + ")";
  refuse_call("pixels: expected floats of the shape " + wanted +
              (pixels.defined() ? ", got " + shape_of(pixels) : ", got an undefined tensor"));
}

void check_ids(const at::Tensor& ids, int pooled) {
  if (!ids.defined() || ids.dim() != 2 || ids.scalar_type() != at::kLong) {
    refuse_call(std::string("ids: expected int64 of the shape (B, T)") +
                (ids.defined() ? ", got " + shape_of(ids) : ", got an undefined tensor"));
  }
  if (ids.size(1) == 0) refuse_call("ids: texts without ids");
  if (pooled < 0 || pooled > ids.size(1)) {
    refuse_call("pooled: " + std::to_string(pooled) + " of texts of " +
                std::to_string(ids.size(1)));
  }
}

// Of ids on the host: to look at others would wait for their device.
void check_vocabulary(const at::Tensor& ids, std::int64_t vocabulary) {
  if (!ids.is_cpu()) return;
  const at::Tensor rows = ids.contiguous();
  const std::span values(rows.const_data_ptr<std::int64_t>(),
                         static_cast<std::size_t>(rows.numel()));
  const auto unknown = std::find_if(values.begin(), values.end(),
                                    [&](std::int64_t id) { return id < 0 || id >= vocabulary; });
  if (unknown == values.end()) return;
  const auto at = unknown - values.begin();
  refuse_call("ids: text " + std::to_string(at / ids.size(1)) + ": id " + std::to_string(*unknown) +
              " at position " + std::to_string(at % ids.size(1)) + ", ids are from 0 to " +
              std::to_string(vocabulary - 1));
}

// (0, dim): networks are not asked about nothing.
at::Tensor no_rows(const at::Tensor& input, const TorchModule& module, std::size_t dim) {
  return input.new_empty({0, static_cast<std::int64_t>(dim)},
                         input.options().dtype(at::kFloat).device(module.device()));
}

}  // namespace

at::Tensor encode_pixels(const Model& model, const at::Tensor& pixels,
                         const EncodeOptions& options) {
  const ModelStages::Impl& stages = ModelStages::of(model);
  if (!stages.vision_tower) refuse_call("model: its vision part is not there or was not loaded");
  check_pixels(pixels, model.info().preprocess.image_size);
  return torch_errors("pixels", [&] {
    if (pixels.size(0) == 0) {
      return no_rows(pixels, stages.vision_tower->module(), model.info().dim);
    }
    const std::scoped_lock turn(stages.turn);
    const CertainThreads threads;
    return finish_rows((*stages.vision_tower)(pixels), options.normalize);
  });
}

at::Tensor encode_token_ids(const Model& model, const at::Tensor& ids, int pooled,
                            const EncodeOptions& options) {
  const ModelStages::Impl& stages = ModelStages::of(model);
  if (!stages.text_tower) refuse_call("model: its text part is not there or was not loaded");
  if (options.adapter && !stages.adapter) refuse_call("model: its adapter part is not there");
  check_ids(ids, pooled);
  return torch_errors("ids", [&] {
    const CertainThreads threads;
    check_vocabulary(ids, stages.vocabulary_size());
    const ModelInfo& info = model.info();
    if (ids.size(0) == 0) {
      return no_rows(ids, stages.text_tower->module(),
                     options.adapter ? info.dim : info.text_width);
    }
    const std::scoped_lock turn(stages.turn);
    const at::Tensor hidden = (*stages.text_tower)(ids).flatten(0, 1);  // (B T, H)
    const auto texts = static_cast<std::size_t>(ids.size(0));
    const std::vector<int> token_counts(texts, static_cast<int>(ids.size(1)));
    const std::vector<int> pooled_counts(texts, pooled);
    const at::Tensor captions = mean_pool(hidden, token_counts, pooled_counts);  // (B, H) float32
    return finish_rows(options.adapter ? (*stages.adapter)(captions) : captions, options.normalize);
  });
}

at::Tensor to_tensor(Embeddings&& embeddings) {
  return torch_errors("embeddings", [&] { return owning_tensor(std::move(embeddings)); });
}

at::Tensor view_tensor(Embeddings& embeddings) {
  return torch_errors("embeddings", [&] { return tensor_over(embeddings); });
}

}  // namespace llm2clip
