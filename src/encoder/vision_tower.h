#pragma once

#include <span>

#include "encoder/torch_module.h"
#include "llm2clip/preprocess.h"

namespace llm2clip {

/// The vision tower: pixels to image embeddings.
class VisionTower {
 public:
  /// `options` and `dim` are the manifest's.
  VisionTower(TorchModule module, const PreprocessOptions& options, std::size_t dim);

  /// pixels   (B, 3, S, S) float32, row-major
  /// returns  (B, D), not normalized
  ///
  /// Throws Error(bad_model) when the network's result is not (B, D), and as check_stop(), which is
  /// called between passes.
  at::Tensor operator()(std::span<const float> pixels, const Stop& stop = {}) const;

  /// The same pixels as a tensor that shares their memory, to be read alone.
  at::Tensor view(std::span<const float> pixels) const;

  /// Room for the bytes of `batch` crops as resize_and_crop gives them: (B, S, S, 3) uint8.
  at::Tensor crop_buffer(std::size_t batch) const;

  /// The same for a crop_buffer() that was filled and is not written to again. A GPU gets a quarter
  /// of the bytes of pixels and normalizes there, to the bits of preprocess().
  at::Tensor encode_crops(const at::Tensor& crops) const;

  const TorchModule& module() const { return module_; }
  /// The same for a tensor (B, 3, S, S) of any float type and device.
  at::Tensor operator()(const at::Tensor& pixels, const Stop& stop = {}) const;

  PartMemory memory() const { return module_.memory(); }

 private:
  TorchModule module_;
  int image_size_;
  std::size_t dim_;
  // On the module's device: dividing by a number of the host would multiply by its reciprocal
  // there.
  at::Tensor largest_byte_;  // () float32: 255
  at::Tensor mean_;          // (3, 1, 1) float32
  at::Tensor std_;           // (3, 1, 1) float32
};

}  // namespace llm2clip
