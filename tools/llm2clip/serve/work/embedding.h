#pragma once

#include <boost/asio/awaitable.hpp>
#include <vector>

#include "llm2clip/embeddings.h"
#include "serve/api/input_forms.h"
#include "serve/http/message.h"
#include "serve/service.h"

namespace llm2clip::serve {

/// A row for each input, in their order: the way from what a client sent through tokenizer or
/// decoders and the queues to what the network gives. Notes in request.facts what it took.
/// `truncated`, where it is given, says of each input whether it lost its end.
/// Throws ApiError: 400 for an input that cannot be used, 429 where memory does not suffice for
/// all, 500 where the model fails, 503 where the server ends.
boost::asio::awaitable<Embeddings> embed(Service& service, Request& request,
                                         std::vector<ApiInput> inputs, bool normalize = true,
                                         std::vector<bool>* truncated = nullptr);

}  // namespace llm2clip::serve
