#include "embed/sink.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace llm2clip {
namespace {

// All rows in one piece of memory, once their number is known.
class AllRows final : public SinkAccess::Impl {
 public:
  explicit AllRows(Embeddings& rows) : Impl({.keeps_failures = true}), all_(rows) {}

  void begin(std::size_t dim) override {
    Impl::begin(dim);
    dim_ = dim;
    batches_.clear();
  }

  void write(EmbeddedBatch batch) override { batches_.push_back(std::move(batch.rows)); }

  void finish() override {
    std::size_t rows = 0;
    for (const Embeddings& batch : batches_) rows += batch.rows();
    Embeddings all(rows, dim_);
    std::size_t row = 0;
    for (Embeddings& batch : batches_) {
      for (std::size_t i = 0; i < batch.rows(); ++i) {
        std::copy_n(batch[i].begin(), dim_, all[row++].begin());
      }
      batch = {};
    }
    all_ = std::move(all);
    batches_.clear();
  }

 private:
  Embeddings& all_;
  std::size_t dim_ = 0;
  std::vector<Embeddings> batches_;
};

class IntoRun final : public SinkAccess::Impl {
 public:
  explicit IntoRun(std::shared_ptr<Run> run) : Impl({.own_thread = true}), run_(std::move(run)) {}

  std::optional<RunInput> take(std::string_view id, std::string_view content,
                               std::string_view stamp) override {
    return run_->take(id, content, stamp);
  }

  void write(EmbeddedBatch batch) override {
    std::size_t row = 0;
    for (const Outcome& outcome : batch.outcomes) {
      if (outcome.failure) {
        run_->fail(outcome.input, *outcome.failure);
      } else {
        run_->add(outcome.input, batch.rows[row++]);
      }
      if (outcome.truncated) run_->count("truncated", 1);
    }
    run_->commit_if_due();
  }

  void give_up() override { run_->commit(); }

 private:
  std::shared_ptr<Run> run_;
};

class IntoIndex final : public SinkAccess::Impl {
 public:
  explicit IntoIndex(std::shared_ptr<IndexWriter> writer)
      : Impl({.own_thread = true}), writer_(std::move(writer)) {}

  std::optional<RunInput> take(std::string_view id, std::string_view content,
                               std::string_view stamp) override {
    return writer_->take(id, content, stamp);
  }

  int thumbnail_side() const override { return writer_->thumbnail_side(); }

  void write(EmbeddedBatch batch) override {
    std::size_t row = 0;
    for (const Outcome& outcome : batch.outcomes) {
      if (outcome.failure) {
        writer_->fail(outcome.input);
      } else {
        writer_->add(outcome.input, batch.rows[row],
                     batch.thumbnails.empty() ? Thumbnail() : batch.thumbnails[row]);
        ++row;
      }
    }
    writer_->commit_if_due();
  }

  void finish() override { commit(); }
  void give_up() override { commit(); }

 private:
  // Inputs that all failed make no index.
  void commit() {
    const IndexSummary summary = writer_->summary();
    if (summary.added + summary.replaced + summary.removed > 0) writer_->commit();
  }

  std::shared_ptr<IndexWriter> writer_;
};

class IntoCallback final : public SinkAccess::Impl {
 public:
  IntoCallback(EmbedSink::Take take, bool own_thread)
      : Impl({.own_thread = own_thread}), take_(std::move(take)) {}

  void write(EmbeddedBatch batch) override { take_(batch); }

 private:
  EmbedSink::Take take_;
};

}  // namespace

std::optional<RunInput> EmbedSink::Impl::take(std::string_view id, std::string_view /*content*/,
                                              std::string_view /*stamp*/) {
  return RunInput{taken_++, std::string(id), {}};
}

EmbedSink::EmbedSink(Embeddings& rows) : impl_(std::make_shared<AllRows>(rows)) {}
// Referred to, and not owned.
EmbedSink::EmbedSink(Run& run) : EmbedSink(std::shared_ptr<Run>(std::shared_ptr<Run>(), &run)) {}
EmbedSink::EmbedSink(std::shared_ptr<Run> run) : impl_(std::make_shared<IntoRun>(std::move(run))) {}
EmbedSink::EmbedSink(IndexWriter& writer)
    : EmbedSink(std::shared_ptr<IndexWriter>(std::shared_ptr<IndexWriter>(), &writer)) {}
EmbedSink::EmbedSink(std::shared_ptr<IndexWriter> writer)
    : impl_(std::make_shared<IntoIndex>(std::move(writer))) {}
EmbedSink::EmbedSink(Take take, bool own_thread)
    : impl_(std::make_shared<IntoCallback>(std::move(take), own_thread)) {}
EmbedSink::~EmbedSink() = default;
EmbedSink::EmbedSink(const EmbedSink&) = default;
EmbedSink& EmbedSink::operator=(const EmbedSink&) = default;

}  // namespace llm2clip
