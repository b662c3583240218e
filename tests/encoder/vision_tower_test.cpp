#include "encoder/vision_tower.h"

#include <ATen/ops/equal.h>

#include <cstring>

#include "support/catch.h"
#include "support/tiny_model.h"

using namespace llm2clip;
using namespace llm2clip::testing;

namespace {

// An image of the network's size, so that nothing is resized; every byte value occurs.
Image image_from(int seed) {
  Image image;
  image.width = kTinyImageSize;
  image.height = kTinyImageSize;
  for (int i = 0; i < 3 * kTinyImageSize * kTinyImageSize; ++i) {
    image.pixels.push_back(static_cast<std::uint8_t>(7 * i + seed));
  }
  return image;
}

}  // namespace

TEST_CASE("crops normalized by the encoder give the bits of preprocessed pixels",
          "[encoder][vision_tower]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  PreprocessOptions options;  // the means of CLIP, whose divisions round
  options.image_size = kTinyImageSize;
  const VisionTower encoder(TorchModule::load(folder.path() / "vision.pt", "cpu", ""), options,
                            kTinyDim);

  constexpr std::size_t kBytes = std::size_t{3} * kTinyImageSize * kTinyImageSize;
  std::vector<float> pixels(2 * kBytes);
  const at::Tensor crops = encoder.crop_buffer(2);
  for (std::size_t i = 0; i < 2; ++i) {
    const Image image = image_from(static_cast<int>(i));
    preprocess(image, options, std::span(pixels).subspan(i * kBytes, kBytes));
    const Image crop = resize_and_crop(image, options);
    std::memcpy(crops.mutable_data_ptr<std::uint8_t>() + i * kBytes, crop.pixels.data(), kBytes);
  }
  CHECK(at::equal(encoder.encode_crops(crops), encoder(pixels)));
}
