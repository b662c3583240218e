#include "serve/watch/metrics.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace llm2clip::serve {
namespace {

std::string number(double value) {
  std::array<char, 64> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  return {digits.data(), end};
}

std::string head(const std::string& name, const char* help, const char* type) {
  return "# HELP " + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
}

std::string one(const std::string& name, const char* help, const char* type, std::uint64_t value) {
  return head(name, help, type) + name + " " + std::to_string(value) + "\n";
}

std::string histogram(const std::string& name, const char* help, const Histogram& values) {
  return head(name, help, "histogram") + values.text(name);
}

std::string failures(const LabeledCounter& counter) {
  const std::string name = "te_request_failure";
  std::string text = head(name, "Requests that failed, by kind", "counter");
  for (const auto& [kind, count] : counter.values()) {
    text += name + "{err=\"" + kind + "\"} " + std::to_string(count) + "\n";
  }
  return text;
}

}  // namespace

void LabeledCounter::add(const std::string& label) {
  const std::scoped_lock lock(mutex_);
  ++counts_[label];
}

std::map<std::string, std::uint64_t> LabeledCounter::values() const {
  const std::scoped_lock lock(mutex_);
  return counts_;
}

Histogram::Histogram(double least, std::size_t count) : counts_(count + 1) {
  for (double bound = least; bounds_.size() < count; bound *= 2) bounds_.push_back(bound);
}

void Histogram::observe(double value) {
  const auto bound = std::lower_bound(bounds_.begin(), bounds_.end(), value);
  const std::scoped_lock lock(mutex_);
  ++counts_[static_cast<std::size_t>(bound - bounds_.begin())];
  sum_ += value;
}

std::string Histogram::text(const std::string& name) const {
  const std::scoped_lock lock(mutex_);
  std::string text;
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    below += counts_[i];
    const std::string bound = i < bounds_.size() ? number(bounds_[i]) : "+Inf";
    text += name + "_bucket{le=\"" + bound + "\"} " + std::to_string(below) + "\n";
  }
  text += name + "_sum " + number(sum_) + "\n";
  text += name + "_count " + std::to_string(below) + "\n";
  return text;
}

const char* failure_kind(int status) {
  if (status == 401) return "unauthorized";
  if (status == 413) return "too_large";
  if (status == 429) return "overloaded";
  if (status == 503) return "unhealthy";
  return status >= 500 ? "backend" : "validation";
}

std::string metrics_text(const Metrics& m, const Gauges& gauges) {
  return one("te_request_count", "Requests for rows", "counter", m.requests.value()) +
         one("te_request_success", "Requests that were answered", "counter", m.successes.value()) +
         failures(m.failures) +
         one("te_batch_failure", "Batches that the model failed on", "counter",
             m.failed_batches.value()) +
         one("te_embed_texts", "Texts embedded", "counter", m.texts.value()) +
         one("te_embed_images", "Images embedded", "counter", m.images.value()) +
         histogram("te_request_duration", "Seconds of a request", m.request_seconds) +
         histogram("te_request_queue_duration", "Seconds in the queue", m.queue_seconds) +
         histogram("te_request_tokenization_duration", "Seconds of tokenizing",
                   m.tokenization_seconds) +
         histogram("te_request_inference_duration", "Seconds of the network", m.inference_seconds) +
         histogram("te_batch_next_size", "Inputs of a batch", m.batch_size) +
         one("te_queue_size", "Inputs that wait", "gauge", gauges.queued) +
         one("te_requests_in_flight", "Requests that are worked on", "gauge", gauges.in_flight) +
         one("te_connections", "Connections that are open", "gauge", gauges.connections);
}

}  // namespace llm2clip::serve
