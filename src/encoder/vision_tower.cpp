#include "encoder/vision_tower.h"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "encoder/passes.h"
#include "encoder/upload.h"

namespace llm2clip {
namespace {

// Eight images of 224 pixels a side. Measured with ViT-B/16 and L/14: fewer at once are as fast,
// more are slower.
constexpr std::int64_t kValuesPerPass = 8 * 3 * 224 * 224;

// (3, 1, 1) float32
at::Tensor of_channels(std::array<float, 3> values, at::Device device) {
  return at::from_blob(values.data(), {3, 1, 1}, at::kFloat).clone().to(device);
}

}  // namespace

VisionTower::VisionTower(TorchModule module, const PreprocessOptions& options, std::size_t dim)
    : module_(std::move(module)),
      image_size_(options.image_size),
      dim_(dim),
      largest_byte_(at::full({}, 255, at::TensorOptions(at::kFloat).device(module_.device()))),
      mean_(of_channels(options.mean, module_.device())),
      std_(of_channels(options.std, module_.device())) {}

at::Tensor VisionTower::crop_buffer(std::size_t batch) const {
  return host_buffer({static_cast<std::int64_t>(batch), image_size_, image_size_, 3}, at::kByte,
                     module_.device());
}

at::Tensor VisionTower::encode_crops(const at::Tensor& crops) const {
  const c10::InferenceMode inference;
  const at::Tensor values = module_.send(crops).permute({0, 3, 1, 2}).to(at::kFloat).contiguous();
  return (*this)(values.div(largest_byte_).sub_(mean_).div_(std_));  // (B, 3, S, S)
}

at::Tensor VisionTower::view(std::span<const float> pixels) const {
  const std::int64_t side = image_size_;
  const auto values_per_image = static_cast<std::size_t>(3 * side * side);
  LLM2CLIP_CHECK(pixels.size() % values_per_image == 0);
  const auto batch = static_cast<std::int64_t>(pixels.size() / values_per_image);  // B
  // LibTorch has no tensors of constant memory.
  return at::from_blob(const_cast<float*>(pixels.data()), {batch, 3, side, side}, at::kFloat);
}

at::Tensor VisionTower::operator()(std::span<const float> pixels, const Stop& stop) const {
  // The view lives as long as `pixels`; forward() is done with it when it returns.
  return (*this)(view(pixels), stop);
}

at::Tensor VisionTower::operator()(const at::Tensor& pixels, const Stop& stop) const {
  const std::int64_t values = static_cast<std::int64_t>(3) * image_size_ * image_size_;
  const at::Tensor embeddings =
      forward_in_passes(module_, pixels.to(at::kFloat),
                        {.most = std::max<std::int64_t>(1, kValuesPerPass / values)}, stop);
  module_.expect_shape(embeddings, {pixels.size(0), static_cast<std::int64_t>(dim_)});
  return embeddings;
}

}  // namespace llm2clip
