#include <algorithm>
#include <utility>

#include "serve/api/embedding_json.h"
#include "serve/api/requests.h"
#include "serve/routes/routes.h"
#include "serve/work/embedding.h"

namespace llm2clip::serve {
namespace {

// A client of that server expects an error for a text that is too long, unless it says otherwise.
void refuse_truncated(const std::vector<bool>& truncated) {
  const auto first = std::find(truncated.begin(), truncated.end(), true);
  if (first == truncated.end()) return;
  const std::string name = "inputs[" + std::to_string(first - truncated.begin()) + "]";
  throw too_large(name, name +
                            ": has more tokens than the model takes; shorten it, or set "
                            "\"truncate\": true");
}

}  // namespace

boost::asio::awaitable<Response> tei_embed(Service& service, Request& request) {
  TeiRequest asked = read_tei(request.body);
  std::vector<bool> truncated;
  const Embeddings rows =
      co_await embed(service, request, std::move(asked.texts), asked.normalize, &truncated);
  if (!asked.truncate) refuse_truncated(truncated);
  co_return Response{.body = rows_json(rows, append_numbers)};
}

}  // namespace llm2clip::serve
