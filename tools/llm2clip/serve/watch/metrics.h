#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace llm2clip::serve {

/// How often something happened.
class Counter {
 public:
  void add(std::uint64_t count = 1) { count_ += count; }
  std::uint64_t value() const { return count_; }

 private:
  std::atomic<std::uint64_t> count_ = 0;
};

/// How often, by a label: the kind of a failure.
class LabeledCounter {
 public:
  void add(const std::string& label);
  std::map<std::string, std::uint64_t> values() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::uint64_t> counts_;
};

/// How large something was, each time: counts up to bounds that double.
class Histogram {
 public:
  /// Bounds are `least`, twice that, and so on, `count` of them.
  Histogram(double least, std::size_t count);
  void observe(double value);
  /// The lines of Prometheus's text format for the metric of that name.
  std::string text(const std::string& name) const;

 private:
  std::vector<double> bounds_;
  mutable std::mutex mutex_;           // around the next
  std::vector<std::uint64_t> counts_;  // one more than bounds: whatever is larger
  double sum_ = 0;
};

/// What the server has done since it was started, under the names of Text Embeddings Inference,
/// whose dashboards people have.
struct Metrics {
  Counter requests;                            ///< to routes that compute
  Counter successes;                           ///< of those
  LabeledCounter failures;                     ///< the others, by kind
  Counter failed_batches;                      ///< that the model failed on
  Counter texts;                               ///< embedded
  Counter images;                              ///< embedded
  Histogram request_seconds{0.0005, 20};       ///< from the head of a request to its answer
  Histogram queue_seconds{0.0005, 20};         ///< of a request's slowest input
  Histogram tokenization_seconds{0.0005, 20};  ///< of a request's texts
  Histogram inference_seconds{0.0005, 20};     ///< of the batches that a request was in
  Histogram batch_size{1, 12};                 ///< inputs of a batch
};

/// What is so now, for the same page.
struct Gauges {
  std::size_t queued = 0;
  std::size_t in_flight = 0;
  std::size_t connections = 0;
};

/// The name under which a status is counted as a failure: "validation", "overloaded", ...
const char* failure_kind(int status);

/// All of it in Prometheus's text format, version 0.0.4.
std::string metrics_text(const Metrics& metrics, const Gauges& gauges);

}  // namespace llm2clip::serve
