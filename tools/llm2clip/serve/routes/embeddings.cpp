#include <utility>

#include "serve/api/embedding_json.h"
#include "serve/api/requests.h"
#include "serve/routes/routes.h"
#include "serve/work/embedding.h"

namespace llm2clip::serve {

boost::asio::awaitable<Response> embeddings(Service& service, Request& request) {
  EmbeddingsRequest asked = read_embeddings(request.body, service.facts());
  const Embeddings rows = co_await embed(service, request, std::move(asked.inputs));
  co_return Response{
      .body = embeddings_answer(rows, asked.base64, service.info.name, request.facts.tokens)};
}

}  // namespace llm2clip::serve
