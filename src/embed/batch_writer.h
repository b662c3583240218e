#pragma once

#include <exception>
#include <memory>
#include <thread>

#include "embed/bounded_queue.h"
#include "embed/sink.h"

namespace llm2clip {

/// Hands batches to a sink, in a thread of its own where the sink wants one: the disk and the
/// network then do not wait for one another.
class BatchWriter {
 public:
  /// Throws as start_thread.
  BatchWriter(std::shared_ptr<SinkAccess::Impl> sink, const EmbedOptions& options);
  BatchWriter(const BatchWriter&) = delete;
  BatchWriter& operator=(const BatchWriter&) = delete;
  /// Without finish(): hands over what was added, and keeps silent about what then fails.
  ~BatchWriter();

  /// Throws what writing met with, of an earlier batch too.
  void add(EmbeddedBatch batch);
  /// After the last batch.
  void finish();

 private:
  void end_writing();

  std::shared_ptr<SinkAccess::Impl> sink_;
  BoundedQueue<EmbeddedBatch> queue_;
  bool finished_ = false;
  std::exception_ptr failure_;  // of the thread, read after it has ended
  std::thread thread_;
};

}  // namespace llm2clip
