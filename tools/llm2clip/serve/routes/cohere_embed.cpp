#include <nlohmann/json.hpp>
#include <utility>

#include "serve/api/embedding_json.h"
#include "serve/api/requests.h"
#include "serve/routes/routes.h"
#include "serve/work/embedding.h"
#include "terminal/json_output.h"

namespace llm2clip::serve {
namespace {

std::string answer(const Embeddings& rows, const CohereRequest& asked, const Request& request) {
  std::string json = R"({"id":")" + request.id + R"(","embeddings":{)";
  if (asked.numbers) json += R"("float":)" + rows_json(rows, append_numbers);
  if (asked.numbers && asked.base64) json += ',';
  if (asked.base64) json += R"("base64":)" + rows_json(rows, append_base64);
  const nlohmann::ordered_json meta = {
      {"api_version", {{"version", "2"}}},
      {"billed_units", {{"input_tokens", request.facts.tokens}, {"images", request.facts.images}}}};
  return json + R"(},"response_type":"embeddings_by_type","meta":)" + cli::json_text(meta) + "}";
}

}  // namespace

boost::asio::awaitable<Response> cohere_embed(Service& service, Request& request) {
  CohereRequest asked = read_cohere(request.body, service.facts());
  const Embeddings rows = co_await embed(service, request, std::move(asked.inputs));
  co_return Response{.body = answer(rows, asked, request)};
}

}  // namespace llm2clip::serve
