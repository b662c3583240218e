#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/stop.h"
#include "llm2clip/embed.h"

namespace llm2clip {

/// As Run::take: which inputs are to be embedded. Called in the thread that reads, and owns what it
/// uses.
using TakeInput = std::function<std::optional<RunInput>(
    std::string_view id, std::string_view content, std::string_view stamp)>;

/// The same with what people see, where that is asked for: a thumbnail of each crop's image.
struct SeenBatch : PreprocessedBatch {
  std::vector<Thumbnail> thumbnails;
};

/// Images as the network sees them, in batches of so many inputs; reading, decoding and resizing
/// run in threads of their own, a few batches ahead. Threads of low priority: the network has the
/// cores while it computes, and decoding the rest.
///
/// Which inputs make a batch depends on their order alone, as rows differ in their last digits with
/// the size of their batch.
class ImageBatches {
 public:
  /// `thumbnail_side`: of thumbnails that are made besides; 0: none. Throws as start_thread.
  ImageBatches(ImageSource source, const PreprocessOptions& preprocess, const EmbedOptions& options,
               TakeInput take, Stop stop, int thumbnail_side = 0);
  /// Stops the threads. Note [Threads left behind].
  ~ImageBatches();

  /// Empty after the last one. Throws as check_stop(), and what the source and `take` throw.
  std::optional<SeenBatch> next();

  /// Inputs that were not taken.
  std::uint64_t passed_over() const;

 private:
  struct Pipeline;
  std::shared_ptr<Pipeline> pipeline_;
  std::size_t batch_size_;
  Stop stop_;
};

}  // namespace llm2clip
