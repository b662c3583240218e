#include "encoder/vision_encoder.h"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <utility>

#include "check.h"
#include "encoder/rows.h"

namespace llm2clip {
namespace {

// Eight images of 224 pixels a side. Measured with ViT-B/16 and L/14: fewer at once are as fast, more
// are slower.
constexpr std::int64_t kValuesPerPass = 8 * 3 * 224 * 224;

}  // namespace

VisionEncoder::VisionEncoder(TorchModule module, int image_size, std::size_t embedding_size)
    : module_(std::move(module)), image_size_(image_size), embedding_size_(embedding_size) {}

at::Tensor VisionEncoder::operator()(std::span<float> pixels) const {
  const std::int64_t side = image_size_;
  const auto values_per_image = static_cast<std::size_t>(3 * side * side);
  LLM2CLIP_CHECK(pixels.size() % values_per_image == 0);
  const auto batch = static_cast<std::int64_t>(pixels.size() / values_per_image);  // B
  // The view lives as long as `pixels`; forward() is done with it when it returns.
  return (*this)(at::from_blob(pixels.data(), {batch, 3, side, side}, at::kFloat));
}

at::Tensor VisionEncoder::operator()(const at::Tensor& pixels) const {
  const std::int64_t values = static_cast<std::int64_t>(3) * image_size_ * image_size_;
  const at::Tensor embeddings = forward_in_parts(
      module_, pixels.to(at::kFloat), std::max<std::int64_t>(1, kValuesPerPass / values));
  module_.expect_shape(embeddings, {pixels.size(0), static_cast<std::int64_t>(embedding_size_)});
  return embeddings;
}

}  // namespace llm2clip
