#include "serve/routes/routes.h"

namespace llm2clip::serve {

Response health(Service& service, const Request&) {
  switch (service.state) {
    case State::loading:
      return {.status = 503, .body = R"({"status":"loading"})"};
    case State::ready:
      return {.body = R"({"status":"ok"})"};
    case State::draining:
      break;
  }
  return {.status = 503, .body = R"({"status":"draining"})"};
}

}  // namespace llm2clip::serve
