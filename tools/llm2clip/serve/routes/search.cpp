#include <nlohmann/json.hpp>
#include <utility>

#include "serve/api/requests.h"
#include "serve/routes/routes.h"
#include "serve/work/embedding.h"
#include "terminal/json_output.h"

namespace llm2clip::serve {
namespace {

std::string hits_json(const std::vector<IndexHit>& hits) {
  nlohmann::ordered_json data = nlohmann::ordered_json::array();
  for (const IndexHit& hit : hits) {
    data.push_back({{"id", hit.id}, {"row", hit.row}, {"score", hit.score}});
  }
  return cli::json_text(nlohmann::ordered_json{{"object", "list"}, {"data", std::move(data)}});
}

}  // namespace

boost::asio::awaitable<Response> search(Service& service, Request& request) {
  SearchRequest asked = read_search(request.body, service.facts());
  const Index& index = find_index(service, asked.index);
  const Embeddings row = co_await embed(service, request, std::move(asked.query));
  co_return Response{.body = hits_json(index.search(row, asked.options).front())};
}

}  // namespace llm2clip::serve
