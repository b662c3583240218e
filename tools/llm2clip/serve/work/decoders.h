#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
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
  using TellBusy = std::function<void(bool all_busy)>;

  /// `take` gets each crop, in the thread that made it. `tell_busy` is told when all threads have
  /// come to decode, and when one of them has nothing more to do.
  Decoders(const DecodeOptions& options, Take take, TellBusy tell_busy);
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
  std::optional<Queued> next_image();
  void set_busy(std::size_t threads);
  void decode(const Queued& queued);
  std::vector<std::uint8_t> crop_of(const ApiInput& image);
  void take_memory(std::uint64_t bytes);
  void give_memory(std::uint64_t bytes);

  const DecodeOptions options_;
  const Take take_;
  const TellBusy tell_busy_;
  std::mutex mutex_;  // around the next five, and what is told
  std::condition_variable changed_;
  TurnQueue<Queued> queue_;
  std::uint64_t memory_used_ = 0;
  std::size_t busy_;  // threads: those that have not asked for an image yet, too
  bool ended_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace llm2clip::serve
