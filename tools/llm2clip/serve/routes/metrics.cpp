#include "serve/routes/routes.h"

namespace llm2clip::serve {

Response metrics(Service& service, const Request&) {
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8",
          .body = metrics_text(service.metrics, {.queued = service.engine.waiting(),
                                                 .in_flight = service.in_flight,
                                                 .connections = service.connections})};
}

}  // namespace llm2clip::serve
