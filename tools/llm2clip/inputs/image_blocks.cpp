#include "inputs/image_blocks.h"

#include <filesystem>
#include <optional>
#include <system_error>

namespace llm2clip::cli {
namespace {

// Large images close a block early: 16 of the largest allowed would take 4 GB.
constexpr std::size_t kBlockBytes = 256u << 20;

}  // namespace

Image read_input(const ImageInput& input, const ReadOptions& options) {
  if (input.content) return decode_image(*input.content, input.id, options);
  std::error_code error;
  if (std::filesystem::is_directory(input.id, error)) {
    throw Error(ErrorKind::unreadable_input, input.id + ": is a folder; -r takes the images in it");
  }
  return read_image(input.id, options);
}

bool ImageBlocks::next() {
  ids_.clear();
  images_.clear();
  bool any = false;
  std::size_t bytes = 0;
  while (images_.size() < batch_size_ && bytes < kBlockBytes) {
    const std::optional<ImageInput> input = inputs_.next();
    if (!input) break;
    any = true;
    ++done_;
    try {
      images_.push_back(read_input(*input, options_));
      ids_.push_back(input->id);
      bytes += images_.back().pixels.size();
    } catch (const Error& error) {
      policy_.failed(input->id, error);
    }
  }
  return any;
}

}  // namespace llm2clip::cli
