#include "embed/batch_writer.h"

#include <optional>
#include <utility>

#include "embed/job_thread.h"

namespace llm2clip {

BatchWriter::BatchWriter(std::shared_ptr<SinkAccess::Impl> sink, const EmbedOptions& options)
    : sink_(std::move(sink)), queue_(options.batches_behind, options.bytes_behind) {
  if (!sink_->manner().own_thread) return;
  thread_ = start_thread([this] {
    try {
      while (std::optional<EmbeddedBatch> batch = queue_.pop()) sink_->write(std::move(*batch));
    } catch (...) {
      failure_ = std::current_exception();
      queue_.cancel();
    }
  });
}

BatchWriter::~BatchWriter() {
  if (finished_) return;
  try {
    end_writing();
    sink_->give_up();
  } catch (...) {  // something else is on its way already
  }
}

void BatchWriter::add(EmbeddedBatch batch) {
  if (!thread_.joinable()) return sink_->write(std::move(batch));
  std::size_t bytes = batch.rows.values().size_bytes();
  for (const Thumbnail& thumbnail : batch.thumbnails) bytes += thumbnail.jpeg.size();
  if (!queue_.push(std::move(batch), bytes)) end_writing();
}

void BatchWriter::finish() {
  end_writing();
  sink_->finish();
  finished_ = true;
}

void BatchWriter::end_writing() {
  queue_.close();
  if (thread_.joinable()) thread_.join();
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

}  // namespace llm2clip
