#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "args.h"
#include "input_policy.h"
#include "llm2clip/image.h"

namespace llm2clip::cli {

/// The paths that the flags name, in the order of embedding: arguments as given, each folder's
/// images sorted by their bytes, then the lists. Links to folders are not followed.
/// Throws Error(invalid_argument) when there are none, Error(unreadable_input) for a list that
/// cannot be read.
std::vector<std::string> list_images(const ImageFlags& flags, InputPolicy& policy);

/// read_image, with an error that names -r for a folder.
Image read_input(const std::string& path, const ReadOptions& options);

/// Reads pictures in blocks of as many as are encoded at once, so that memory does not grow with
/// their number.
class ImageBlocks {
 public:
  ImageBlocks(const std::vector<std::string>& paths, const ReadOptions& options,
              std::size_t batch_size, InputPolicy& policy)
      : paths_(paths), options_(options), batch_size_(batch_size), policy_(policy) {}

  /// False when all paths are read. A block is empty when all of its pictures were skipped.
  bool next();

  const std::vector<std::string>& ids() const { return ids_; }
  const std::vector<Image>& images() const { return images_; }
  /// How many paths were read so far.
  std::size_t done() const { return done_; }

 private:
  const std::vector<std::string>& paths_;
  ReadOptions options_;
  std::size_t batch_size_;
  InputPolicy& policy_;
  std::size_t done_ = 0;
  std::vector<std::string> ids_;
  std::vector<Image> images_;
};

}  // namespace llm2clip::cli
