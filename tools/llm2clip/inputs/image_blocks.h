#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "inputs/image_inputs.h"
#include "inputs/input_policy.h"
#include "llm2clip/image.h"

namespace llm2clip::cli {

/// read_image or decode_image, with an error that names -r for a folder.
Image read_input(const ImageInput& input, const ReadOptions& options);

/// Reads images in blocks of as many as are encoded at once, so that memory does not grow with
/// their number.
class ImageBlocks {
 public:
  ImageBlocks(ImageInputs& inputs, const ReadOptions& options, std::size_t batch_size,
              InputPolicy& policy)
      : inputs_(inputs), options_(options), batch_size_(batch_size), policy_(policy) {}

  /// False when all inputs are read. A block is empty when all of its images were skipped.
  bool next();

  const std::vector<std::string>& ids() const { return ids_; }
  const std::vector<Image>& images() const { return images_; }
  /// How many inputs were read so far.
  std::size_t done() const { return done_; }

 private:
  ImageInputs& inputs_;
  ReadOptions options_;
  std::size_t batch_size_;
  InputPolicy& policy_;
  std::size_t done_ = 0;
  std::vector<std::string> ids_;
  std::vector<Image> images_;
};

}  // namespace llm2clip::cli
