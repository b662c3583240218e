#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "llm2clip/embed.h"

namespace llm2clip {

/// What an EmbedSink does with the batches of a call.
class EmbedSink::Impl {
 public:
  /// Whether write() has a thread of its own, and the summary keeps the failures.
  struct Manner {
    bool own_thread = false;
    bool keeps_failures = false;
  };
  explicit Impl(Manner manner) : manner_(manner) {}
  virtual ~Impl() = default;

  const Manner& manner() const { return manner_; }

  /// A call begins, whose rows have `dim` components.
  virtual void begin(std::size_t /*dim*/) { taken_ = 0; }
  /// As Run::take. Called in the thread that reads; the others are for the one that writes.
  virtual std::optional<RunInput> take(std::string_view id, std::string_view content,
                                       std::string_view stamp);
  /// Of images that are to come with thumbnails; 0: without.
  virtual int thumbnail_side() const { return 0; }
  virtual void write(EmbeddedBatch batch) = 0;
  /// After the last batch.
  virtual void finish() {}
  /// The call ends early, and something else is thrown already.
  virtual void give_up() {}

 private:
  Manner manner_;
  std::uint64_t taken_ = 0;
};

struct SinkAccess {
  using Impl = EmbedSink::Impl;
  static const std::shared_ptr<Impl>& of(const EmbedSink& sink) { return sink.impl_; }
};

}  // namespace llm2clip
