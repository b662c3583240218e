#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "inputs/image_inputs.h"
#include "jobs/job.h"
#include "jobs/results.h"
#include "llm2clip/image.h"
#include "llm2clip/preprocess.h"

namespace llm2clip {

/// Inputs that are listed already, and what the listing could not use.
struct ImageSource {
  explicit ImageSource(const ImageFlags& image_flags)
      : flags(image_flags), inputs(flags, failures) {}

  const ImageFlags flags;
  CollectedFailures failures;
  ImageInputs inputs;
};

/// Images as the network sees them, in batches of so many inputs; reading, decoding and resizing
/// run in threads of their own, a few batches ahead. Threads of low priority: the network has the
/// cores while it computes, and decoding the rest.
///
/// Which inputs make a batch depends on their order alone, as rows differ in their last digits with
/// the size of their batch.
class ImageBatches {
 public:
  struct Images {
    Batch batch;                ///< without rows
    std::vector<Image> images;  ///< S x S, of the outcomes without a failure
  };

  /// `decode_memory`: bytes that images may take which are decoded at the same time; a larger one
  /// is decoded alone. Throws as start_thread.
  ImageBatches(std::shared_ptr<ImageSource> source, const PreprocessOptions& preprocess,
               std::size_t batch_size, std::size_t threads, std::uint64_t decode_memory,
               std::shared_ptr<Results> results);
  /// Stops the threads. Note [Threads left behind].
  ~ImageBatches();

  /// Empty after the last one, and when a signal asked for a stop.
  /// Throws Error(unreadable_input) for a list that cannot be read, and what Run::take throws.
  std::optional<Images> next();

 private:
  struct Pipeline;
  std::shared_ptr<Pipeline> pipeline_;
  std::size_t batch_size_;
};

}  // namespace llm2clip
