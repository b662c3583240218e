#include "serve/watch/answered.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace llm2clip::serve {
namespace {

double milliseconds(std::chrono::duration<double> time) {
  return std::round(time.count() * 1e5) / 100;
}

void count(Metrics& metrics, const Answered& answered) {
  metrics.requests.add();
  metrics.request_seconds.observe(answered.took.count());
  if (answered.status == 200) {
    metrics.successes.add();
  } else {
    metrics.failures.add(failure_kind(answered.status));
  }
}

}  // namespace

void note_answer(Service& service, const Answered& answered) {
  const Route* route = answered.route;
  if (route == nullptr || route->compute != nullptr) count(service.metrics, answered);
  nlohmann::ordered_json line = {
      {"id", answered.id},
      {"route", route == nullptr ? nlohmann::ordered_json() : nlohmann::ordered_json(route->path)},
      {"status", answered.status},
      {"bytes_in", answered.bytes_in},
      {"bytes_out", answered.bytes_out},
      {"ms", milliseconds(answered.took)}};
  const RequestFacts& facts = answered.facts;
  if (facts.texts + facts.images > 0) {
    line.update({{"texts", facts.texts},
                 {"images", facts.images},
                 {"tokens", facts.tokens},
                 {"queue_ms", milliseconds(facts.took.queue)},
                 {"inference_ms", milliseconds(facts.took.inference)}});
  }
  service.log.info("request", line);
}

}  // namespace llm2clip::serve
