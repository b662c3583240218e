#include "serve/watch/metrics.h"

#include "support/catch.h"

using namespace llm2clip::serve;

TEST_CASE("a histogram counts up to bounds, each with those below it", "[serve]") {
  Histogram sizes(1, 3);
  for (const double size : {0.5, 1.0, 1.5, 4.0, 100.0}) sizes.observe(size);
  CHECK(sizes.text("x") ==
        "x_bucket{le=\"1\"} 2\n"
        "x_bucket{le=\"2\"} 3\n"
        "x_bucket{le=\"4\"} 4\n"
        "x_bucket{le=\"+Inf\"} 5\n"
        "x_sum 107\n"
        "x_count 5\n");
}

TEST_CASE("the page has each metric once, with its help and type", "[serve]") {
  Metrics metrics;
  metrics.requests.add(3);
  metrics.failures.add("overloaded");
  metrics.failures.add("overloaded");
  const std::string text = metrics_text(metrics, {.queued = 7});
  CHECK(text.find("# TYPE te_request_count counter\nte_request_count 3\n") != text.npos);
  CHECK(text.find("te_request_failure{err=\"overloaded\"} 2\n") != text.npos);
  CHECK(text.find("# TYPE te_queue_size gauge\nte_queue_size 7\n") != text.npos);
  CHECK(text.find("# TYPE te_request_duration histogram\n") != text.npos);
  CHECK(text.ends_with('\n'));
}

TEST_CASE("a status is one kind of failure", "[serve]") {
  CHECK(failure_kind(400) == std::string("validation"));
  CHECK(failure_kind(429) == std::string("overloaded"));
  CHECK(failure_kind(500) == std::string("backend"));
}
