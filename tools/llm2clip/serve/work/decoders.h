#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "llm2clip/image.h"
#include "llm2clip/preprocess.h"
#include "serve/api/input_forms.h"
#include "serve/work/turn_queue.h"
#include "serve/work/wanted_rows.h"

namespace llm2clip::serve {

/// How images are decoded.
struct DecodeOptions {
  ReadOptions read;
  PreprocessOptions preprocess;
  std::size_t threads = 1;
  std::uint64_t memory = std::uint64_t{1} << 30;  ///< bytes that all of them may take together
};

/// Threads that decode, resize and crop, at a low priority, so that the network has the cores while
/// it computes. Clients take turns here, too.
class Decoders {
 public:
  using Take = std::function<void(std::shared_ptr<WantedRows> wanted, std::size_t input,
                                  std::vector<std::uint8_t> crop)>;

  /// `take` gets each crop, in the thread that made it.
  Decoders(const DecodeOptions& options, Take take);
  Decoders(const Decoders&) = delete;
  Decoders& operator=(const Decoders&) = delete;
  ~Decoders() { stop(); }

  /// Returns when the threads have ended; what waits is dropped.
  void stop();

  /// `image` is the file of an image. What cannot be read fails its request with 400.
  void add(std::shared_ptr<WantedRows> wanted, std::size_t input, ApiInput image);

 private:
  struct Queued {
    std::shared_ptr<WantedRows> wanted;
    std::size_t input;
    ApiInput image;
  };

  void work();
  void decode(const Queued& queued);
  std::vector<std::uint8_t> crop_of(const ApiInput& image);
  void take_memory(std::uint64_t bytes);
  void give_memory(std::uint64_t bytes);

  const DecodeOptions options_;
  const Take take_;
  std::mutex mutex_;  // around the next four
  std::condition_variable changed_;
  TurnQueue<Queued> queue_;
  std::uint64_t memory_used_ = 0;
  bool ended_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace llm2clip::serve
