#include <nlohmann/json.hpp>
#include <utility>

#include "llm2clip/similarity.h"
#include "serve/api/requests.h"
#include "serve/routes/routes.h"
#include "serve/work/embedding.h"
#include "terminal/json_output.h"

namespace llm2clip::serve {
namespace {

// clip-retrieval knows images by number, and by the address that they came from.
std::string knn_json(const std::vector<IndexHit>& hits) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const IndexHit& hit : hits) {
    list.push_back({{"id", hit.row}, {"similarity", hit.score}, {"url", hit.id}});
  }
  return cli::json_text(list);
}

}  // namespace

boost::asio::awaitable<Response> knn_service(Service& service, Request& request) {
  SearchRequest asked = read_knn(request.body, service.facts());
  const Index& index = find_index(service, asked.index);
  if (asked.row) normalize_rows(*asked.row);
  if (!asked.row) asked.row = co_await embed(service, request, std::move(asked.query));
  co_return Response{.body = knn_json(index.search(*asked.row, asked.options).front())};
}

Response indices_list(Service& service, const Request&) {
  nlohmann::ordered_json names = nlohmann::ordered_json::array();
  for (const Named<Index>& index : service.indexes) names.push_back(index.name);
  return {.body = cli::json_text(names)};
}

}  // namespace llm2clip::serve
