#include "serve/routes/routes.h"

#include <array>

namespace llm2clip::serve {
namespace {

constexpr const char* kGet = "GET";
constexpr const char* kPost = "POST";

constexpr std::array kRoutes = {
    Route{kPost, "/v1/embeddings", false, nullptr, embeddings, openai_body},
    Route{kPost, "/embeddings", false, nullptr, embeddings, openai_body},
    Route{kPost, "/v1/classify", false, nullptr, classify, openai_body},
    Route{kPost, "/v1/search", false, nullptr, search, openai_body},
    Route{kPost, "/embed", false, nullptr, tei_embed, tei_body},
    Route{kPost, "/v2/embed", false, nullptr, cohere_embed, cohere_body},
    Route{kPost, "/knn-service", false, nullptr, knn_service, openai_body, false, true},
    Route{kGet, "/", false, nullptr, page, openai_body, true},
    Route{kPost, "/", false, nullptr, page_of_image, openai_body, true},
    Route{kGet, "/page/style.css", true, page_style, nullptr, openai_body},
    Route{kGet, "/page/script.js", true, page_script, nullptr, openai_body},
    Route{kGet, "/page/icon.svg", true, page_icon, nullptr, openai_body},
    Route{kGet, "/page/thumbnail", false, nullptr, page_thumbnail, openai_body},
    Route{kGet, "/indices-list", false, indices_list, nullptr, openai_body},
    Route{kGet, "/v1/models", false, models, nullptr, openai_body},
    Route{kGet, "/health", true, health, nullptr, openai_body},
    Route{kGet, "/metrics", false, metrics, nullptr, openai_body},
    Route{kGet, "/openapi.json", true, openapi, nullptr, openai_body},
};

}  // namespace

std::span<const Route> routes() { return kRoutes; }

Found find_route(std::string_view method, std::string_view path) {
  const std::string_view wanted = method == "HEAD" ? kGet : method;
  Found found;
  for (const Route& route : kRoutes) {
    if (path != route.path) continue;
    if (wanted == route.method) found.route = &route;
    found.allowed += found.allowed.empty() ? "" : ", ";
    found.allowed += route.method == std::string_view(kGet) ? "GET, HEAD" : route.method;
  }
  return found;
}

}  // namespace llm2clip::serve
