#pragma once

#include <boost/asio/awaitable.hpp>
#include <span>
#include <string>
#include <string_view>

#include "serve/api/api_error.h"
#include "serve/http/message.h"
#include "serve/service.h"

namespace llm2clip::serve {

/// A method and a path, and what answers them.
struct Route {
  const char* method;
  const char* path;
  bool open;  ///< needs no key
  /// Answers at once, whatever the state of the server; nullptr: `compute` does.
  Response (*tell)(Service& service, const Request& request);
  /// Runs on a thread of the handlers. Throws ApiError.
  boost::asio::awaitable<Response> (*compute)(Service& service, Request& request);
  std::string (*error_body)(const ApiError& error);
  bool is_page = false;        ///< for a browser: errors are pages, and a key may be a password
  bool takes_untyped = false;  ///< its clients send JSON without a Content-Type
};

/// All there are.
std::span<const Route> routes();

/// What is at a path.
struct Found {
  const Route* route = nullptr;  ///< nullptr: nothing, for this method
  std::string allowed;  ///< the methods that the path has: "GET, HEAD"; empty: no such path
};
/// HEAD is answered as GET is, without the body.
Found find_route(std::string_view method, std::string_view path);

// A file for each. Those that compute take a JSON object.

/// POST /v1/embeddings: OpenAI's.
boost::asio::awaitable<Response> embeddings(Service& service, Request& request);
/// POST /v1/classify: scores of labels for images.
boost::asio::awaitable<Response> classify(Service& service, Request& request);
/// POST /v1/search: rows of an index that fit a text or an image.
boost::asio::awaitable<Response> search(Service& service, Request& request);
/// POST /embed: Text Embeddings Inference's.
boost::asio::awaitable<Response> tei_embed(Service& service, Request& request);
/// POST /v2/embed: Cohere's.
boost::asio::awaitable<Response> cohere_embed(Service& service, Request& request);
/// POST /knn-service: clip-retrieval's.
boost::asio::awaitable<Response> knn_service(Service& service, Request& request);
/// GET /indices-list: clip-retrieval's.
Response indices_list(Service& service, const Request& request);
/// GET /: the page to search with; with ?q=WORDS or ?like=ROW what is found, without a script.
boost::asio::awaitable<Response> page(Service& service, Request& request);
/// POST /: the page with what is like an image, which the page's script puts in place.
boost::asio::awaitable<Response> page_of_image(Service& service, Request& request);
/// GET /page/style.css, /page/script.js, /page/icon.svg: what belongs to the page.
Response page_style(Service& service, const Request& request);
Response page_script(Service& service, const Request& request);
Response page_icon(Service& service, const Request& request);
/// GET /page/thumbnail: the image of a row, small.
boost::asio::awaitable<Response> page_thumbnail(Service& service, Request& request);
/// GET /v1/models: OpenAI's.
Response models(Service& service, const Request& request);
/// GET /health: 200 from the first batch until the server is to end, else 503.
Response health(Service& service, const Request& request);
/// GET /metrics: Prometheus's text format.
Response metrics(Service& service, const Request& request);
/// GET /openapi.json: what is here, for programs.
Response openapi(Service& service, const Request& request);

}  // namespace llm2clip::serve
