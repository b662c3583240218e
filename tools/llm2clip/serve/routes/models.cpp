#include <nlohmann/json.hpp>

#include "serve/routes/routes.h"
#include "terminal/json_output.h"

namespace llm2clip::serve {

Response models(Service& service, const Request&) {
  const nlohmann::ordered_json model = {{"id", service.info.name},
                                        {"object", "model"},
                                        {"created", 0},
                                        {"owned_by", "llm2clip"},
                                        {"embedding_dim", service.info.dim},
                                        {"manifest_sha256", service.info.manifest_sha256},
                                        {"texts", service.embeds_texts()},
                                        {"images", service.embeds_images()}};
  return {.body = cli::json_text(nlohmann::ordered_json{
              {"object", "list"}, {"data", nlohmann::ordered_json::array({model})}})};
}

}  // namespace llm2clip::serve
