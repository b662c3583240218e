#include "serve/files/files.h"
#include "serve/routes/routes.h"

namespace llm2clip::serve {

Response openapi(Service&, const Request&) { return {.body = std::string(files::openapi_json)}; }

}  // namespace llm2clip::serve
